#include "tests/transport/api/fixture.hpp"

using namespace plexus;
using namespace plexus::test;

namespace {

const std::string done = R"({"result":{}})";

std::string channels(api_node& node, const std::string& pattern = "") {
  return node.result("channels", json{{"pattern", pattern}}.dump())["channels"].dump();
}

} // namespace

TEST_CASE("commands for users who aren't there are plain successes") {
  api_node node;
  node.connect("");
  CHECK(node.call("subscribe", R"({"user":"nobody","channel":"news"})") == done);
  CHECK(node.call("unsubscribe", R"({"user":"nobody","channel":"news"})") == done);
  CHECK(node.call("disconnect", R"({"user":"nobody"})") == done);
  CHECK(node.call("refresh", R"({"user":"nobody"})") == done);
  CHECK(node.call("disconnect", R"({"user":""})") == done);
  CHECK(node.call("disconnect", "{}") == done);
  CHECK(node.port.closed.empty());
}

TEST_CASE("subscribe reaches all connections of the user, or the one named") {
  api_node node;
  const auto first = node.connect("alice");
  const auto second = node.connect("alice");
  const auto other = node.connect("bob");
  CHECK(node.call("subscribe", R"({"user":"alice","channel":"news","data":{"a":1}})") == done);
  REQUIRE(node.told(first).size() == 1);
  const auto push = json::parse(node.told(first)[0])["push"];
  CHECK(push["channel"] == "news");
  CHECK(push["subscribe"]["data"] == json{{"a", 1}});
  CHECK(node.told(second).size() == 1);
  CHECK(node.told(other).empty());

  node.call("subscribe", json{{"user", "alice"}, {"channel", "log:a"}, {"client", node.client_id(second)}}.dump());
  CHECK(node.told(first).size() == 1);
  CHECK(node.told(second).size() == 2);
  CHECK(channels(node) == R"({"log:a":{"num_clients":1},"news":{"num_clients":2}})");
}

TEST_CASE("subscribe with a position goes on from there") {
  api_node node;
  const auto who = node.connect("alice");
  const auto at = node.result("publish", R"({"channel":"log:a","data":1})");
  node.call("publish", R"({"channel":"log:a","data":2})");
  node.call("subscribe", json{{"user", "alice"}, {"channel", "log:a"}, {"recover_since", at}}.dump());
  REQUIRE_FALSE(node.told(who).empty());
  const auto push = json::parse(node.told(who)[0].substr(0, node.told(who)[0].find('\n')))["push"]["subscribe"];
  CHECK(push["epoch"] == at["epoch"]);
  CHECK(push["offset"] == 1); // and not the top
}

TEST_CASE("unsubscribe is pushed with code 2000") {
  api_node node;
  const auto who = node.connect("alice");
  node.call("subscribe", R"({"user":"alice","channel":"news"})");
  CHECK(node.call("unsubscribe", R"({"user":"alice","channel":"news"})") == done);
  REQUIRE(node.told(who).size() == 2);
  CHECK(json::parse(node.told(who)[1])["push"]["unsubscribe"]["code"] == 2000);
  CHECK(channels(node) == "{}");
}

TEST_CASE("disconnect closes all connections of the user but those on the list") {
  api_node node;
  const auto first = node.connect("alice");
  const auto spared = node.connect("alice");
  const auto other = node.connect("bob");
  CHECK(node.call("disconnect", json{{"user", "alice"}, {"whitelist", {node.client_id(spared)}}}.dump()) == done);
  CHECK(node.port.closed[first] == "3503 force disconnect");
  CHECK(node.port.closed.count(spared) == 0);
  CHECK(node.port.closed.count(other) == 0);
  node.call("disconnect", R"({"user":"alice","disconnect":{"code":4000,"reason":"bye"}})");
  CHECK(node.port.closed[spared] == "4000 bye");
  CHECK(node.error("disconnect", R"({"user":"bob","disconnect":{"code":100,"reason":"x"}})") == 107);
  const json long_reason{{"user", "bob"}, {"disconnect", {{"code", 4000}, {"reason", std::string(124, 'x')}}}};
  CHECK(node.error("disconnect", long_reason.dump()) == 107);
  CHECK(node.port.closed.count(other) == 0);
}

TEST_CASE("a client id narrows the choice and never widens it") {
  api_node node;
  const auto alice = node.connect("alice");
  const auto nameless = node.connect("");
  const auto other = node.connect("");
  node.call("disconnect", json{{"user", "alice"}, {"client", node.client_id(nameless)}}.dump());
  node.call("disconnect", json{{"user", ""}, {"client", node.client_id(alice)}}.dump());
  node.call("disconnect", json{{"user", "alice"}, {"session", "x"}}.dump());
  CHECK(node.port.closed.empty());
  node.call("disconnect", json{{"user", ""}, {"client", node.client_id(nameless)}}.dump());
  CHECK(node.port.closed.count(nameless) == 1);
  CHECK(node.port.closed.count(other) == 0);
}

TEST_CASE("refresh tells the client its new time, or closes it with 3005") {
  api_node node;
  const auto who = node.connect("alice");
  const auto at = connection::moment::now().unix_seconds + 1000;
  CHECK(node.call("refresh", json{{"user", "alice"}, {"expire_at", at}}.dump()) == done);
  REQUIRE(node.told(who).size() == 1);
  const auto push = json::parse(node.told(who)[0])["push"]["refresh"];
  CHECK(push["expires"] == true);
  CHECK(push["ttl"].get<int>() > 900);
  node.call("refresh", R"({"user":"alice","expired":true})");
  CHECK(node.port.closed[who] == "3005 connection expired");
}

TEST_CASE("channels lists those with subscribers, by a glob where one is given") {
  api_node node;
  node.connect("alice");
  node.connect("bob");
  node.call("publish", R"({"channel":"quiet","data":1})");
  for (const auto* channel : {"news", "room:a", "room:b"})
    node.call("subscribe", json{{"user", "alice"}, {"channel", channel}}.dump());
  node.call("subscribe", R"({"user":"bob","channel":"room:b"})");
  CHECK(channels(node) == R"({"news":{"num_clients":1},"room:a":{"num_clients":1},"room:b":{"num_clients":2}})");
  CHECK(channels(node, "room:*") == R"({"room:a":{"num_clients":1},"room:b":{"num_clients":2}})");
  CHECK(channels(node, "none*") == "{}");
}

TEST_CASE("info counts this node's clients, users, channels and subscriptions") {
  api_node node;
  for (const auto* user : {"alice", "alice", "bob", ""}) node.connect(user);
  node.call("subscribe", R"({"user":"alice","channel":"news"})");
  node.call("subscribe", R"({"user":"bob","channel":"room:a"})");
  auto nodes = node.result("info", "{}")["nodes"];
  REQUIRE(nodes.size() == 1);
  CHECK(nodes[0]["uid"] == "uid");
  CHECK(nodes[0]["name"] == "name");
  CHECK(nodes[0]["version"] == "1.0");
  CHECK(nodes[0]["num_clients"] == 4);
  CHECK(nodes[0]["num_users"] == 2);
  CHECK(nodes[0]["num_channels"] == 2);
  CHECK(nodes[0]["num_subs"] == 3);
  CHECK(nodes[0]["uptime"].is_number_unsigned());
}
