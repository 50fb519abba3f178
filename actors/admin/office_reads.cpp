// Of office: requests that look, each with how the nodes' answers become one.

#include "actors/admin/office.hpp"
#include "actors/admin/pages.hpp"
#include "actors/admin/said.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace plexus::admin {

using protocol::error_code;

namespace {

constexpr std::size_t most_ranked = 200;

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
    for (auto& row : results[i].at(name)) {
      (void)row.at("time").get<std::int64_t>(); // throws here, where it is clear whose row it is
      rows.push_back(std::move(row));
    }
    if (results[i].contains("cursor")) cursor[nodes[i]] = results[i]["cursor"];
    dropped += results[i].value("dropped", std::uint64_t{0});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const json& a, const json& b) { return a["time"] < b["time"]; });
  json out{{name, std::move(rows)}, {"dropped", dropped}};
  if (!cursor.empty()) out["cursor"] = std::move(cursor);
  return out;
}

/// The rows of all pages, those of one channel merged, the largest first.
std::vector<json> ranked(std::vector<json>& pages, const char* by) {
  std::map<std::string, json> rows;
  for (auto& page : pages)
    for (auto& row : page["channels"]) {
      auto [at, is_new] = rows.try_emplace(row["channel"].get<std::string>());
      if (is_new)
        at->second = std::move(row);
      else
        merge_channel(at->second, row);
    }
  std::vector<json> out;
  for (auto& [name, row] : rows) {
    row.erase("key");
    out.push_back(std::move(row));
  }
  std::stable_sort(out.begin(), out.end(),
                   [by](const json& a, const json& b) { return a[by].get<double>() > b[by].get<double>(); });
  return out;
}

/// Those that either of two rounds didn't hear.
void add_missing(json& to, const json& before) {
  for (auto& s : before["silent"])
    if (std::find(to["silent"].begin(), to["silent"].end(), s) == to["silent"].end()) to["silent"].push_back(s);
  if (auto refused = before.find("refused"); refused != before.end()) to["refused"].update(*refused);
  if (before.contains("unsure")) to["unsure"] = true;
}

} // namespace

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
  auto one = [](const char* name) {
    return [name](std::vector<json> results, const std::vector<std::string>&) -> json {
      return {{name, std::move(results.front())}};
    };
  };
  if (method == "nodes") {
    ask(std::move(node), "node", with, patience, list, std::move(done));
  } else if (method == "connections") {
    const auto limit = static_cast<std::size_t>(params(with).number("limit", 50, 1, 200));
    auto join = [limit](std::vector<json> pages, const std::vector<std::string>&) {
      return join_pages("connections", std::move(pages), limit);
    };
    ask(std::move(node), method, with, patience, join, std::move(done));
  } else if (method == "channels") {
    channels(node, std::move(with), std::move(done));
  } else if (method == "connection" || method == "actor") {
    ask(std::move(node), method, with, patience, one(method == "actor" ? "actor" : "connection"), std::move(done));
  } else if (method == "channel") {
    channel(node, with, std::move(done));
  } else if (method == "blocked") {
    // Every node has the whole list.
    if (node.empty()) node = env_.uid;
    auto join = [](std::vector<json> results, const std::vector<std::string>&) {
      return std::move(results.front());
    };
    ask(std::move(node), method, with, patience, join, std::move(done));
  } else if (method == "past") {
    // A watch goes on where it was.
    auto join = [](std::vector<json> results, const std::vector<std::string>& nodes) -> json {
      auto cursor = json::object();
      for (std::size_t i = 0; i < results.size(); ++i)
        if (auto& samples = results[i]["samples"]; !samples.empty()) cursor[nodes[i]] = samples.back()[0];
      json out{{"nodes", std::move(results)}};
      if (!cursor.empty()) out["cursor"] = std::move(cursor);
      return out;
    };
    ask(std::move(node), method, with, patience, join, std::move(done));
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

void office::channels(const std::string& node, json with, answered done) {
  params p(with);
  const auto limit = static_cast<std::size_t>(p.number("limit", 50, 1, 200));
  const auto sort = p.one_of("sort", "name", {"name", "subscribers", "rate"});
  if (sort != "name") {
    ranked_channels(node, std::move(with), sort, limit, std::move(done));
    return;
  }
  const auto most = p.any("names").is_null() ? limit : most_ranked; // what is asked for by name is no page
  auto join = [most](std::vector<json> pages, const std::vector<std::string>&) {
    return join_pages("channels", std::move(pages), most, merge_channel);
  };
  ask(node, "channels", with, patience, join, std::move(done));
}

// A channel's place in such an order is known only once all nodes have told of it: those that are large somewhere
// are asked for by name everywhere. So there is one page.
void office::ranked_channels(const std::string& node, json with, const std::string& sort, std::size_t limit,
                             answered done) {
  if (!params(with).any("after").is_null())
    throw refusal{error_code::bad_request, "\"after\": a list by \"" + sort + "\" has one page"};
  const char* by = sort == "rate" ? "publications_per_second" : "subscribers";
  with["limit"] = most_ranked;
  auto names_of = [by](std::vector<json> pages, const std::vector<std::string>&) -> json {
    std::uint64_t matched = 0;
    for (auto& page : pages) matched += page["matched"].get<std::uint64_t>();
    auto names = json::array();
    for (auto& row : ranked(pages, by))
      if (names.size() < most_ranked) names.push_back(std::move(row["channel"]));
    return {{"names", std::move(names)}, {"matched", matched}};
  };
  ask(node, "channels", with, patience, names_of, [this, node, by, limit, done = std::move(done)](json first) {
    if (!first.contains("result")) {
      done(std::move(first));
      return;
    }
    auto known = std::make_shared<json>(std::move(first["result"]));
    const json second{{"names", std::move((*known)["names"])}, {"limit", most_ranked}};
    known->erase("names");
    auto join = [by, limit](std::vector<json> pages, const std::vector<std::string>&) -> json {
      auto rows = ranked(pages, by);
      if (rows.size() > limit) rows.resize(limit);
      return {{"channels", std::move(rows)}, {"next", nullptr}};
    };
    ask(node, "channels", second, patience, join, [known, done](json got) {
      if (auto result = got.find("result"); result != got.end()) {
        (*result)["matched"] = (*known)["matched"];
        add_missing(*result, *known);
      }
      done(std::move(got));
    });
  });
}

// What each node has seen, beside what the backplane has.
void office::channel(const std::string& node, const json& with, answered done) {
  params p(with);
  const auto name = p.needed("channel");
  json log{{"channel", name}, {"payloads", p.flag("payloads")}, {"limit", p.number("limit", 20, 0, 100)}};
  p.done();
  auto join = [](std::vector<json> results, const std::vector<std::string>&) -> json {
    std::uint64_t subscribers = 0;
    json members;
    for (auto& r : results) {
      subscribers += r.value("subscribers", std::uint64_t{0});
      const auto here = r.find("members");
      if (here == r.end()) continue;
      if (members.is_null() && here->contains("first")) members = std::move(*here);
      r.erase("members");
    }
    json out{{"nodes", std::move(results)}, {"subscribers", subscribers}};
    if (!members.is_null()) out["members"] = std::move(members);
    return out;
  };
  ask(node, "channel", {{"channel", name}}, patience, join, [this, log, done = std::move(done)](json seen) {
    if (!seen.contains("result")) {
      done(std::move(seen));
      return;
    }
    auto kept = std::make_shared<json>(std::move(seen));
    auto asked = log;
    asked["members"] = !(*kept)["result"].contains("members");
    desk_.run("channel_log", asked, [kept, done](json own) {
      if (own.contains("result")) (*kept)["result"].update(own["result"]);
      done(std::move(*kept));
    });
  });
}

} // namespace plexus::admin
