#include "actors/admin/office.hpp"

#include "actors/admin/pages.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace plexus::admin {

using protocol::error_code;

namespace {

constexpr std::array<std::string_view, 11> requests{"nodes",      "past",     "logs",    "connections",
                                                    "connection", "channels", "channel", "actors",
                                                    "backplane",  "trace",    "audit"};
constexpr std::array<std::string_view, 10> actions{"disconnect",   "unsubscribe", "publish", "block_user",
                                                   "unblock_user", "log_level",   "reload",  "drain",
                                                   "undrain",      "move"};
constexpr std::chrono::milliseconds patience_for_actions{5000};
constexpr std::size_t max_reason = 500;

bool is_in(auto& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// Takes a parameter that is not for the nodes out of `with`.
std::string take_text(json& with, const char* name) {
  auto found = with.find(name);
  if (found == with.end() || found->is_null()) return {};
  if (!found->is_string() || found->get_ref<const std::string&>().size() > max_reason)
    throw refusal{error_code::bad_request, "\"" + std::string(name) + "\": expected a string of at most " +
                                               std::to_string(max_reason) + " bytes"};
  auto text = found->get<std::string>();
  with.erase(found);
  return text;
}

/// What the audit log shows of an action's parameters: no payloads.
json without_payloads(json with) {
  if (auto data = with.find("data"); data != with.end()) *data = std::to_string(to_text(*data).size()) + " bytes";
  return with;
}

void merge_channel(json& into, const json& from) {
  for (const char* sum : {"subscribers", "nodes", "mailbox"})
    into[sum] = into[sum].get<std::uint64_t>() + from[sum].get<std::uint64_t>();
  // Each node counts what it appended and what it heard of: the largest has seen all.
  for (const char* most : {"publications", "bytes", "publications_per_second"})
    if (from[most] > into[most]) into[most] = from[most];
  if (into["position"].is_null() ||
      (!from["position"].is_null() && from["position"]["offset"] > into["position"]["offset"]))
    into["position"] = from["position"];
}

/// Rows of all nodes in one list by their time; a map of what each has told so far.
json by_time(const char* name, std::vector<json>& results, const std::vector<std::string>& nodes) {
  auto rows = json::array();
  auto cursor = json::object();
  std::uint64_t dropped = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    for (auto& row : results[i][name]) rows.push_back(std::move(row));
    if (results[i].contains("cursor")) cursor[nodes[i]] = results[i]["cursor"];
    dropped += results[i].value("dropped", std::uint64_t{0});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const json& a, const json& b) { return a["time"] < b["time"]; });
  json out{{name, std::move(rows)}, {"dropped", dropped}};
  if (!cursor.empty()) out["cursor"] = std::move(cursor);
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
  if (method == "audit") {
    auto entries = audit_.read(audit::kept);
    for (auto& e : entries) e["node"] = env_.name;
    respond(to_text(result_of({{"entries", std::move(entries)}})));
    return;
  }
  desk_.run(method, with, [respond = std::move(respond)](const json& answer) { respond(to_text(answer)); });
}

void office::ask(std::string node, std::string_view method, const json& with, std::chrono::milliseconds timeout,
                 joined join, answered done) {
  json body{{"method", method}, {"with", with}};
  auto& name = node;
  peers_.ask(name, to_text(body), timeout, [join = std::move(join), done = std::move(done)](peers::answers got) {
    std::vector<json> results;
    std::vector<std::string> nodes;
    json error;
    for (auto& r : got.from) {
      auto answer = parse_bounded(r.body);
      if (!answer.is_object()) continue;
      if (auto result = answer.find("result"); result != answer.end()) {
        results.push_back(std::move(*result));
        nodes.push_back(std::move(r.node));
      } else if (error.is_null() && answer.contains("error") && answer["error"].is_object()) {
        error = std::move(answer);
      }
    }
    auto silent = json::array();
    for (auto& s : got.silent) silent.push_back(s);
    if (results.empty()) {
      if (error.is_null()) error = error_of(error_code::internal, "no node of that name has answered in time");
      error["error"]["silent"] = std::move(silent);
      done(std::move(error));
      return;
    }
    json out;
    try {
      out = join(std::move(results), std::move(nodes));
    } catch (const json::exception&) { // a node of another version, perhaps
      done(error_of(error_code::internal, "what a node has answered can't be understood"));
      return;
    }
    out["silent"] = std::move(silent);
    if (got.unsure) out["unsure"] = true;
    done(result_of(std::move(out)));
  });
}

void office::run(std::string_view method, const json& with, const caller& who, answered done) {
  try {
    params check(with);
    if (is_in(requests, method))
      read(method, with, done);
    else if (is_in(actions, method))
      act(method, with, who, done);
    else
      done(error_of(error_code::method_not_found));
  } catch (const refusal& why) {
    done(error_of(why));
  }
}

void office::read(std::string_view method, const json& asked, answered done) {
  auto with = asked;
  auto node = take_text(with, "node");
  auto list = [](std::vector<json> results, const std::vector<std::string>&) -> json {
    return {{"nodes", std::move(results)}};
  };
  auto rows = [](const char* name) {
    return [name](std::vector<json> results, const std::vector<std::string>& nodes) {
      return by_time(name, results, nodes);
    };
  };
  auto limit_of = [&](std::int64_t fallback) {
    return static_cast<std::size_t>(params(with).number("limit", fallback, 1, 200));
  };
  if (method == "nodes") {
    ask(std::move(node), "node", with, patience, list, std::move(done));
  } else if (method == "connections") {
    auto join = [limit = limit_of(50)](std::vector<json> pages, const std::vector<std::string>&) {
      return join_pages("connections", std::move(pages), limit);
    };
    ask(std::move(node), method, with, patience, join, std::move(done));
  } else if (method == "channels") {
    auto join = [limit = limit_of(50)](std::vector<json> pages, const std::vector<std::string>&) {
      return join_pages("channels", std::move(pages), limit, merge_channel);
    };
    ask(std::move(node), method, with, patience, join, std::move(done));
  } else if (method == "connection") {
    auto join = [](std::vector<json> results, const std::vector<std::string>&) -> json {
      return {{"connection", std::move(results.front())}};
    };
    ask(std::move(node), method, with, patience, join, std::move(done));
  } else if (method == "channel") {
    channel(with, std::move(done));
  } else if (method == "logs") {
    ask(std::move(node), method, with, patience, rows("lines"), std::move(done));
  } else if (method == "trace") {
    params p(with);
    const auto subjects = !p.text("client").empty() + !p.text("user").empty() + !p.text("channel").empty();
    if (subjects != 1)
      throw refusal{error_code::bad_request, "expected exactly one of \"client\", \"user\" and \"channel\""};
    ask(std::move(node), method, with, patience, rows("steps"), std::move(done));
  } else if (method == "audit") {
    params(with).done();
    ask(std::move(node), method, with, patience, rows("entries"), std::move(done));
  } else {
    ask(std::move(node), method, with, patience, list, std::move(done));
  }
}

// What each node has seen, beside what the backplane has.
void office::channel(const json& with, answered done) {
  params p(with);
  const auto name = p.needed("channel");
  json log{{"channel", name}, {"payloads", p.flag("payloads")}, {"limit", p.number("limit", 20, 0, 100)}};
  p.done();
  auto join = [](std::vector<json> results, const std::vector<std::string>&) -> json {
    std::uint64_t subscribers = 0;
    for (auto& r : results) subscribers += r.value("subscribers", std::uint64_t{0});
    return {{"nodes", std::move(results)}, {"subscribers", subscribers}};
  };
  ask({}, "channel", {{"channel", name}}, patience, join, [this, log, done = std::move(done)](json seen) {
    if (!seen.contains("result")) {
      done(std::move(seen));
      return;
    }
    auto kept = std::make_shared<json>(std::move(seen));
    desk_.run("channel_log", log, [kept, done](json own) {
      if (own.contains("result")) (*kept)["result"].update(own["result"]);
      done(std::move(*kept));
    });
  });
}

void office::act(std::string_view method, json with, const caller& who, answered done) {
  if (who.may != access::write) throw refusal{error_code::permission_denied, "this needs the right to write"};
  auto reason = take_text(with, "reason");
  if (reason.empty()) throw refusal{error_code::bad_request, "\"reason\": expected why, for the audit log"};
  auto node = take_text(with, "node");
  if ((method == "drain" || method == "undrain") && node.empty())
    throw refusal{error_code::bad_request, "\"node\": expected the name of a node"};
  auto tell = [this, name = std::string(method), shown = without_payloads(with), node, reason, by = who.by,
               done = std::move(done)](json answer) mutable {
    std::string outcome = "done";
    if (auto error = answer.find("error"); error != answer.end()) outcome = error->value("message", "");
    if (!node.empty()) shown["node"] = node;
    audit_.write(by, name, shown, reason, outcome);
    done(std::move(answer));
  };
  if (method == "publish" || method == "block_user" || method == "unblock_user") {
    desk_.run(method, with, std::move(tell));
    return;
  }
  if (method == "move") {
    move(std::move(with), std::move(tell));
    return;
  }
  auto join = [](std::vector<json> results, const std::vector<std::string>& nodes) -> json {
    if (results.front().contains("connections")) {
      std::uint64_t told = 0;
      for (auto& r : results) told += r["connections"].get<std::uint64_t>();
      return {{"connections", told}};
    }
    auto by_node = json::object();
    for (std::size_t i = 0; i < results.size(); ++i) by_node[nodes[i]] = std::move(results[i]);
    return {{"nodes", std::move(by_node)}};
  };
  ask(std::move(node), method, with, patience_for_actions, join, std::move(tell));
}

// By the name of the node that is to have it; whichever has it now gives it.
void office::move(json with, answered done) {
  auto to = params(with).needed("to");
  auto uid = [](std::vector<json> results, const std::vector<std::string>&) -> json {
    return {{"uid", results.front()["uid"]}};
  };
  ask(std::move(to), "node", json::object(), patience, uid,
      [this, with, done = std::move(done)](json found) mutable {
        if (!found.contains("result")) {
          done(std::move(found));
          return;
        }
        with["to"] = found["result"]["uid"];
        auto first = [](std::vector<json> results, const std::vector<std::string>& nodes) -> json {
          return {{"channel", results.front()["channel"]}, {"from", nodes.front()}};
        };
        ask({}, "move", with, patience_for_actions, first, std::move(done));
      });
}

void office::end_trace(const std::string& name) {
  json body{{"method", "trace"}, {"with", {{"name", name}, {"end", true}}}};
  peers_.ask({}, to_text(body), patience, [](const peers::answers&) {});
}

} // namespace plexus::admin
