// Of office: requests that act. Each is written down with who, why, and what became of it.

#include "actors/admin/office.hpp"
#include "actors/admin/said.hpp"

#include <nlohmann/json.hpp>

namespace plexus::admin {

using protocol::error_code;

namespace {

constexpr std::chrono::milliseconds patience_for_actions{5000};

/// What the audit log shows of an action's parameters: no payloads.
json without_payloads(json with) {
  if (auto data = with.find("data"); data != with.end()) *data = std::to_string(to_text(*data).size()) + " bytes";
  return with;
}

bool is_of_the_cluster(std::string_view method) {
  return method == "publish" || method == "block_user" || method == "unblock_user" || method == "move";
}

} // namespace

void office::act(std::string_view method, json with, const caller& who, answered done) {
  if (who.may != access::write) throw refusal{error_code::permission_denied, "this needs the right to write"};
  auto reason = take_text(with, "reason");
  if (reason.empty()) throw refusal{error_code::bad_request, "\"reason\": expected why, for the audit log"};
  auto node = take_text(with, "node");
  if ((method == "drain" || method == "undrain") && node.empty())
    throw refusal{error_code::bad_request, "\"node\": expected the name of a node"};
  if (is_of_the_cluster(method) && !node.empty())
    throw refusal{error_code::bad_request, "\"node\": this isn't done on one node"};
  auto tell = [this, name = std::string(method), shown = without_payloads(with), node, reason, by = who.by,
               done = std::move(done)](json answer) mutable {
    if (!node.empty()) shown["node"] = node;
    audit_.write(by, name, shown, reason, outcome_of(answer));
    done(std::move(answer));
  };
  if (method == "move") {
    move(std::move(with), std::move(tell));
    return;
  }
  if (is_of_the_cluster(method)) {
    desk_.run(method, with, std::move(tell));
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

} // namespace plexus::admin
