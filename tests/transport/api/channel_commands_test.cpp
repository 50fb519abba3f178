#include "tests/transport/api/fixture.hpp"

using namespace plexus;
using namespace plexus::test;

namespace {

/// Publishes 1 to `count`.
void fill(api_node& node, const std::string& channel, int count) {
  for (int i = 1; i <= count; ++i)
    CHECK(node.error("publish", json{{"channel", channel}, {"data", i}}.dump()) == 0);
}

std::vector<int> payloads(const json& history) {
  std::vector<int> all;
  for (const auto& each : history["publications"]) all.push_back(each["data"]);
  return all;
}

} // namespace

TEST_CASE("a publication has an offset where the channel keeps a history") {
  api_node node;
  CHECK(node.call("publish", R"({"channel":"news","data":{}})") == R"({"result":{}})");
  CHECK(node.call("publish", R"({"channel":"log:a","data":1,"skip_history":true})") == R"({"result":{}})");
  auto first = node.result("publish", R"({"channel":"log:a","data":null})");
  CHECK(first["offset"] == 1);
  CHECK(first["epoch"].get<std::string>().size() == 8);
  CHECK(node.result("publish", R"({"channel":"log:a","b64data":"eyJhIjoxfQ==","tags":{"k":"v"}})")["offset"] == 2);
  auto kept = node.result("history", R"({"channel":"log:a","limit":-1})")["publications"];
  REQUIRE(kept.size() == 2);
  CHECK(kept[0]["data"].is_null());
  CHECK(kept[1]["data"] == json{{"a", 1}});
  CHECK(kept[1]["tags"]["k"] == "v");
  CHECK_FALSE(kept[1].contains("info"));
}

TEST_CASE("the same idempotency key brings the first result and delivers nothing again") {
  api_node node;
  const auto first = node.call("publish", R"({"channel":"log:a","data":1,"idempotency_key":"k"})");
  CHECK(node.call("publish", R"({"channel":"log:a","data":2,"idempotency_key":"k"})") == first);
  CHECK(node.result("publish", R"({"channel":"log:b","data":3,"idempotency_key":"k"})")["offset"] == 1);
  CHECK(node.call("broadcast", R"({"channels":["log:a"],"data":4,"idempotency_key":"k"})") ==
        R"({"result":{"responses":[)" + first + "]}}");
  CHECK(payloads(node.result("history", R"({"channel":"log:a","limit":-1})")) == std::vector{1});
}

TEST_CASE("an idempotency key is forgotten after the time configured") {
  auto all = api_settings();
  all.backplane.idempotency_ttl = 0ms;
  api_node node(std::move(all));
  CHECK(node.result("publish", R"({"channel":"log:a","data":1,"idempotency_key":"k"})")["offset"] == 1);
  CHECK(node.result("publish", R"({"channel":"log:a","data":2,"idempotency_key":"k"})")["offset"] == 2);
}

TEST_CASE("the channel's name and namespace are checked") {
  api_node node;
  const auto code = [&](const std::string& channel) {
    return node.error("publish", json{{"channel", channel}, {"data", 1}}.dump());
  };
  CHECK(code(std::string(20, 'x')) == 0);
  CHECK(code(std::string(21, 'x')) == 107);
  CHECK(code("") == 107);
  CHECK(code("a\nb") == 107);
  CHECK(code("a\x7f") == 107);
  CHECK(code("no:such") == 102);
  for (const auto* method : {"presence", "presence_stats", "history", "history_remove", "subscribe"}) {
    CAPTURE(method);
    CHECK(node.error(method, R"({"channel":"no:such","user":"u"})") == 102);
    CHECK(node.error(method, R"({"channel":"a\nb","user":"u"})") == 107);
    CHECK(node.error(method, R"({"user":"u"})") == 107);
  }
}

TEST_CASE("a broadcast answers for each channel in its place") {
  api_node node;
  auto all =
      node.result("broadcast", R"({"channels":["log:a","no:such","news","","log:a"],"data":1})")["responses"];
  REQUIRE(all.size() == 5);
  CHECK(all[0]["result"]["offset"] == 1);
  CHECK(all[1]["error"]["code"] == 102);
  CHECK(all[2] == json{{"result", json::object()}});
  CHECK(all[3]["error"]["code"] == 107);
  CHECK(all[4]["result"]["offset"] == 2);
  CHECK(node.error("broadcast", R"({"channels":[],"data":1})") == 107);
}

TEST_CASE("history: a limit of 0 reads the position, -1 all up to the page, and the top is always told") {
  api_node node;
  fill(node, "log:a", 5);
  auto position = node.result("history", R"({"channel":"log:a"})");
  CHECK(position["offset"] == 5);
  CHECK(position["publications"].empty());
  CHECK(payloads(node.result("history", R"({"channel":"log:a","limit":2})")) == std::vector{1, 2});
  CHECK(payloads(node.result("history", R"({"channel":"log:a","limit":-1})")) == std::vector{1, 2, 3});
  CHECK(payloads(node.result("history", R"({"channel":"log:a","limit":100})")) == std::vector{1, 2, 3});
  auto back = node.result("history", R"({"channel":"log:a","limit":2,"reverse":true})");
  CHECK(payloads(back) == std::vector{5, 4});
  CHECK(back["offset"] == 5);
  const auto since = [&](const std::string& epoch) {
    return json{{"channel", "log:a"}, {"limit", -1}, {"since", {{"offset", 3}, {"epoch", epoch}}}}.dump();
  };
  CHECK(payloads(node.result("history", since(position["epoch"]))) == std::vector{4, 5});
  CHECK(node.error("history", since("another")) == 112);
  CHECK(node.error("history", R"({"channel":"news","limit":1})") == 108);
}

TEST_CASE("a page without a limit in the configuration is the whole history") {
  auto all = api_settings();
  all.client.max_history_page = 0;
  api_node node(std::move(all));
  fill(node, "log:a", 5);
  CHECK(payloads(node.result("history", R"({"channel":"log:a","limit":-1})")).size() == 5);
}

TEST_CASE("history_remove empties the log and keeps the position") {
  api_node node;
  fill(node, "log:a", 2);
  const auto before = node.result("history", R"({"channel":"log:a"})");
  CHECK(node.call("history_remove", R"({"channel":"log:a"})") == R"({"result":{}})");
  const auto after = node.result("history", R"({"channel":"log:a","limit":-1})");
  CHECK(after["publications"].empty());
  CHECK(after["offset"] == 2);
  CHECK(after["epoch"] == before["epoch"]);
  CHECK(node.error("history_remove", R"({"channel":"news"})") == 108);
}

TEST_CASE("presence is read where the namespace has it") {
  api_node node;
  CHECK(node.error("presence", R"({"channel":"news"})") == 108);
  CHECK(node.error("presence_stats", R"({"channel":"news"})") == 108);
  CHECK(node.call("presence", R"({"channel":"room:a"})") == R"({"result":{"presence":{}}})");
  CHECK(node.call("presence_stats", R"({"channel":"room:a"})") == R"({"result":{"num_clients":0,"num_users":0}})");

  const auto alice = node.connect("alice");
  node.connect("alice");
  node.connect("bob");
  for (const auto* user : {"alice", "bob"})
    node.result("subscribe", json{{"channel", "room:a"}, {"user", user}, {"info", {{"state", 1}}}}.dump());
  auto members = node.result("presence", R"({"channel":"room:a"})")["presence"];
  CHECK(members.size() == 3);
  const auto id = node.client_id(alice);
  CHECK(members[id]["user"] == "alice");
  CHECK(members[id]["client"] == id);
  CHECK(members[id]["chan_info"] == json{{"state", 1}});
  CHECK(node.call("presence_stats", R"({"channel":"room:a"})") == R"({"result":{"num_clients":3,"num_users":2}})");
}
