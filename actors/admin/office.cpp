#include "actors/admin/office.hpp"

#include "actors/admin/said.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace plexus::admin {

using protocol::error_code;

namespace {

constexpr std::array<std::string_view, 13> requests{"nodes",     "past",    "logs",    "connections", "connection",
                                                    "channels",  "channel", "blocked", "actors",      "actor",
                                                    "backplane", "trace",   "audit"};
constexpr std::array<std::string_view, 10> actions{"disconnect",   "unsubscribe", "publish", "block_user",
                                                   "unblock_user", "log_level",   "reload",  "drain",
                                                   "undrain",      "move"};

bool is_in(auto& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// What all nodes said, each result with its node's name.
struct heard {
  std::vector<json> results;
  std::vector<std::string> nodes;
  json refused = json::object(); ///< node to `{"code", "message"}`
  json error;                    ///< for where there is no result at all
};

/// `odd`: nodes whose results make no sense.
heard read_answers(const peers::answers& got, bool may_be_elsewhere, const std::set<std::string>& odd) {
  heard out;
  for (auto& r : got.from) {
    auto answer = parse_bounded(r.body);
    const auto result = answer.is_object() ? answer.find("result") : answer.end();
    if (answer.is_object() && result != answer.end() && !odd.contains(r.node)) {
      out.results.push_back(std::move(*result));
      out.nodes.push_back(r.node);
      continue;
    }
    const auto error = answer.is_object() ? answer.find("error") : answer.end();
    const bool said_no = answer.is_object() && error != answer.end() && error->is_object() && !odd.contains(r.node);
    json why = said_no ? clean_fault(*error)
                       : error_of(error_code::internal, "what it has answered can't be understood")["error"];
    const bool elsewhere = may_be_elsewhere && why["code"] == static_cast<int>(error_code::not_available);
    if (out.error.is_null() || !elsewhere) out.error = why;
    if (!elsewhere) out.refused[r.node] = std::move(why);
  }
  return out;
}

} // namespace

bool office::knows(std::string_view method) {
  return is_in(requests, method) || is_in(actions, method);
}

bool office::only_reads(std::string_view method) {
  return is_in(requests, method);
}

void office::serve(std::string_view body, std::function<void(std::string)> respond) {
  auto asked = parse_bounded(body);
  if (!asked.is_object() || !asked.contains("method") || !asked["method"].is_string() || !asked.contains("with")) {
    respond(to_text(error_of(error_code::bad_request)));
    return;
  }
  const auto method = asked["method"].get<std::string>();
  auto& with = asked["with"];
  // Each node goes on from where it was itself.
  if (with.is_object())
    if (auto after = with.find("after"); after != with.end() && after->is_object()) {
      auto own = after->find(env_.name);
      *after = own != after->end() ? *own : json(0);
    }
  auto write = [this, respond = std::move(respond)](json answer) {
    auto kept = std::make_shared<json>(std::move(answer));
    aside(
        [kept] {
          auto text = to_text(*kept);
          *kept = nullptr; // taken apart here too: a long list has thousands of parts
          return json(std::move(text));
        },
        [respond](json text) { respond(std::move(text.get_ref<std::string&>())); });
  };
  if (method == "audit") {
    aside(
        [this] {
          auto entries = audit_.read(audit::kept);
          for (auto& e : entries) e["node"] = env_.name;
          return result_of({{"entries", std::move(entries)}});
        },
        std::move(write));
    return;
  }
  desk_.run(method, with, std::move(write));
}

json office::put_together(const peers::answers& got, const joined& join, bool may_be_elsewhere) {
  auto all = read_answers(got, may_be_elsewhere, {});
  json out;
  const auto try_it = [&](heard& from) {
    try {
      if (!from.results.empty()) out = join(std::move(from.results), std::move(from.nodes));
      return true;
    } catch (const std::exception&) {
    } catch (const refusal&) {
    }
    return false;
  };
  if (!try_it(all)) {
    // A node of another version, perhaps. It is looked for, so that it costs the others' answers nothing.
    std::set<std::string> odd;
    for (auto& r : got.from) {
      auto one = read_answers({{r}, {}, false, false}, may_be_elsewhere, {});
      if (!try_it(one)) odd.insert(r.node);
    }
    out = nullptr;
    all = read_answers(got, may_be_elsewhere, odd);
    if (!try_it(all)) out = nullptr;
  }
  auto silent = json::array();
  for (auto& s : got.silent) silent.push_back(s);
  if (out.is_null()) {
    if (got.unknown)
      out = error_of(error_code::not_available, "there is no such node");
    else if (all.error.is_null())
      out = error_of(error_code::internal, "no node has answered in time");
    else
      out["error"] = std::move(all.error);
    out["error"]["silent"] = std::move(silent);
    if (all.refused.size() > 1) out["error"]["refused"] = std::move(all.refused);
    return out;
  }
  out["silent"] = std::move(silent);
  if (!all.refused.empty()) out["refused"] = std::move(all.refused);
  if (got.unsure) out["unsure"] = true;
  return result_of(std::move(out));
}

void office::ask(std::string node, std::string_view method, const json& with, std::chrono::milliseconds timeout,
                 joined join, answered done) {
  json body{{"method", method}, {"with", with}};
  // Of these there is one in the cluster: that it isn't here is no refusal.
  const bool may_be_elsewhere = method == "connection" || method == "actor" || method == "move";
  peers_.ask(std::move(node), to_text(body), timeout,
             [this, may_be_elsewhere, join = std::move(join), done = std::move(done)](peers::answers got) {
               auto kept = std::make_shared<peers::answers>(std::move(got));
               aside([kept, join, may_be_elsewhere] { return put_together(*kept, join, may_be_elsewhere); }, done);
             });
}

void office::run(std::string_view method, const json& with, const caller& who, answered done) {
  const bool acts = is_in(actions, method);
  try {
    params check(with);
    if (is_in(requests, method))
      read(method, with, done);
    else if (acts)
      act(method, with, who, done);
    else
      done(error_of(error_code::method_not_found));
  } catch (const refusal& why) {
    if (acts) audit_.refused(who.by, std::string(method), with, why.message);
    done(error_of(why));
  }
}

void office::end_trace(const std::string& name) {
  json body{{"method", "trace"}, {"with", {{"name", name}, {"end", true}}}};
  peers_.ask({}, to_text(body), patience, [](const peers::answers&) {});
}

} // namespace plexus::admin
