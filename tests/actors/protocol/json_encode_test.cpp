#include "actors/protocol/broadcast.hpp"
#include "actors/protocol/json.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <thread>
#include <vector>

using namespace plexus::protocol;

namespace {

/// The bytes of a reply with id 7; what was there before stays.
std::string bytes(const reply& what, std::uint32_t id = 7) {
  std::string out = "before\n";
  codec_for(format::json).encode(out, id, what);
  CHECK(out.starts_with("before\n"));
  out.erase(0, 7);
  CHECK_MESSAGE(json::valid(out), out);
  return out;
}

std::string bytes(std::string_view channel, const push& what) {
  std::string out;
  codec_for(format::json).encode(out, channel, what);
  CHECK_MESSAGE(json::valid(out), out);
  return out;
}

publication_ptr pub(std::uint64_t offset, std::string data) {
  publication out;
  out.offset = offset;
  out.epoch = "abcdefgh";
  out.data = std::move(data);
  return std::make_shared<const publication>(std::move(out));
}

const client_info alice{"alice", "c1", R"({"n":1})", "[2]"};
const client_info nobody{"", "c2", "", ""};

} // namespace

TEST_CASE("the ping is an empty object") {
  std::string out = "x";
  codec_for(format::json).encode_ping(out);
  CHECK(out == "x{}");
  CHECK(codec_for(format::json).which() == format::json);
}

TEST_CASE("errors carry code and sentence, and say when they pass by themselves") {
  CHECK(bytes(error_reply{error_code::permission_denied}) ==
        R"({"id":7,"error":{"code":103,"message":"permission denied"}})");
  CHECK(bytes(error_reply{error_code::internal}, std::numeric_limits<std::uint32_t>::max()) ==
        R"({"id":4294967295,"error":{"code":100,"message":"internal server error","temporary":true}})");
}

TEST_CASE("connect reply") {
  CHECK(bytes(connect_reply{}) == R"({"id":7,"connect":{}})");
  connect_reply full;
  full.client = "c1";
  full.version = "0.1";
  full.data = "{}";
  full.expires = true;
  full.ttl = 60;
  full.ping = 25;
  full.pong = true;
  full.session = "s";
  full.node = "n";
  subscribe_reply recovered;
  recovered.recoverable = recovered.positioned = recovered.recovered = recovered.was_recovering = true;
  recovered.at = {"abcdefgh", 3};
  recovered.publications = {pub(4, "1"), pub(5, "\"x\"")};
  full.subs = {{"a\"b", {}}, {"c", recovered}};
  CHECK(
      bytes(full) ==
      R"({"id":7,"connect":{"client":"c1","version":"0.1","expires":true,"ttl":60,"data":{},"subs":{"a\"b":{},"c":)"
      R"({"recoverable":true,"epoch":"abcdefgh","publications":[{"data":1,"offset":4},{"data":"x","offset":5}],)"
      R"("recovered":true,"offset":3,"positioned":true,"was_recovering":true}},"ping":25,"pong":true,)"
      R"("session":"s","node":"n"}})");
}

TEST_CASE("subscribe reply") {
  CHECK(bytes(subscribe_reply{}) == R"({"id":7,"subscribe":{}})");
  subscribe_reply full;
  full.expires = true;
  full.ttl = 9;
  full.data = "[]";
  full.delta = true;
  full.was_recovering = true;
  full.at = {"e", 0};
  CHECK(
      bytes(full) ==
      R"({"id":7,"subscribe":{"expires":true,"ttl":9,"epoch":"e","data":[],"was_recovering":true,"delta":true}})");
}

TEST_CASE("replies without content") {
  CHECK(bytes(unsubscribe_reply{}) == R"({"id":7,"unsubscribe":{}})");
  CHECK(bytes(publish_reply{}) == R"({"id":7,"publish":{}})");
  CHECK(bytes(rpc_reply{}) == R"({"id":7,"rpc":{}})");
  CHECK(bytes(refresh_reply{}) == R"({"id":7,"refresh":{}})");
  CHECK(bytes(sub_refresh_reply{}) == R"({"id":7,"sub_refresh":{}})");
}

TEST_CASE("presence, its statistics and history are written also when they are empty") {
  CHECK(bytes(presence_reply{}) == R"({"id":7,"presence":{"presence":{}}})");
  CHECK(
      bytes(presence_reply{{alice, nobody}}) ==
      R"({"id":7,"presence":{"presence":{"c1":{"user":"alice","client":"c1","conn_info":{"n":1},"chan_info":[2]},)"
      R"("c2":{"user":"","client":"c2"}}}})");
  CHECK(bytes(presence_stats_reply{}) == R"({"id":7,"presence_stats":{"num_clients":0,"num_users":0}})");
  CHECK(bytes(presence_stats_reply{12, 3}) == R"({"id":7,"presence_stats":{"num_clients":12,"num_users":3}})");
  CHECK(bytes(history_reply{{}, {"e", 0}}) == R"({"id":7,"history":{"publications":[],"epoch":"e","offset":0}})");
  CHECK(bytes(history_reply{{pub(1, "{}"), pub(2, "null")}, {"e", 2}}) ==
        R"({"id":7,"history":{"publications":[{"data":{},"offset":1,"epoch":"abcdefgh"},{"data":null,"offset":2}],)"
        R"("epoch":"e","offset":2}})");
}

TEST_CASE("rpc, refresh and sub_refresh with content") {
  CHECK(bytes(rpc_reply{"[1]"}) == R"({"id":7,"rpc":{"data":[1]}})");
  CHECK(bytes(refresh_reply{"c1", "v", true, 60}) ==
        R"({"id":7,"refresh":{"client":"c1","version":"v","expires":true,"ttl":60}})");
  CHECK(bytes(sub_refresh_reply{true, 60}) == R"({"id":7,"sub_refresh":{"expires":true,"ttl":60}})");
}

TEST_CASE("a publication has its payload untouched and its epoch with the first offset only") {
  CHECK(bytes("c", publication_push{pub(0, R"({ "a" : 1.50 })")}) ==
        R"({"push":{"channel":"c","pub":{"data":{ "a" : 1.50 }}}})");
  CHECK(bytes("c", publication_push{pub(1, "1")}) ==
        R"({"push":{"channel":"c","pub":{"data":1,"offset":1,"epoch":"abcdefgh"}}})");
  CHECK(bytes("c", publication_push{pub(2, "1")}) == R"({"push":{"channel":"c","pub":{"data":1,"offset":2}}})");
  CHECK(bytes("c", publication_push{pub(std::numeric_limits<std::uint64_t>::max(), "1")}) ==
        R"({"push":{"channel":"c","pub":{"data":1,"offset":18446744073709551615}}})");
}

TEST_CASE("where deltas were agreed on the data is a string, whole or not") {
  CHECK(bytes("c", publication_push{pub(2, R"({"a":"b"})"), data_form::whole, {}}) ==
        R"({"push":{"channel":"c","pub":{"data":"{\"a\":\"b\"}","offset":2}}})");
  CHECK(bytes("c", publication_push{pub(2, "whatever"), data_form::delta, "3\n3@0,0;"}) ==
        R"({"push":{"channel":"c","pub":{"data":"3\n3@0,0;","offset":2,"delta":true}}})");
  subscribe_reply result;
  result.delta = result.recovered = true;
  result.publications = {pub(2, "[1]")};
  CHECK(bytes(reply{result}) ==
        R"({"id":7,"subscribe":{"publications":[{"data":"[1]","offset":2}],"recovered":true,"delta":true}})");
}

TEST_CASE("a broadcast is the same for all but publications with deltas") {
  const auto name = std::make_shared<const std::string>("c");
  const auto before = pub(1, "\"" + std::string(100, 'a') + "1\""),
             after = pub(2, "\"" + std::string(100, 'a') + "2\"");
  const broadcast plain(name, publication_push{after}, {});
  CHECK(&plain.bytes(format::json, data_form::delta) == &plain.bytes(format::json));
  const broadcast join(name, join_push{nobody}, {});
  CHECK(&join.bytes(format::json, data_form::whole) == &join.bytes(format::json));
  const broadcast first(name, publication_push{after}, nullptr, {});
  CHECK(first.bytes(format::json, data_form::delta) == first.bytes(format::json, data_form::whole));
  const broadcast next(name, publication_push{after}, before, {});
  CHECK(next.bytes(format::json, data_form::delta).find(R"("delta":true)") != std::string::npos);
  CHECK(next.bytes(format::json, data_form::delta).size() < next.bytes(format::json).size());
  CHECK(next.bytes(format::json, data_form::whole).find(R"("data":"\"aaa)") != std::string::npos);
}

TEST_CASE("a client's publication says whose it is, and tags are texts") {
  publication full;
  full.offset = 2;
  full.data = "\"d\"";
  full.info = std::make_shared<const client_info>(alice);
  full.tags = {{"k", "v"}, {"q\"", "\n"}};
  CHECK(bytes("n:\\c", publication_push{std::make_shared<const publication>(full)}) ==
        R"({"push":{"channel":"n:\\c","pub":{"data":"d","info":{"user":"alice","client":"c1","conn_info":{"n":1},)"
        R"("chan_info":[2]},"offset":2,"tags":{"k":"v","q\"":"\n"}}}})");
}

TEST_CASE("whatever a publication's bytes are, they are one JSON value on one line") {
  const auto data = [](std::string bytes_of_it, bool binary) {
    publication out;
    out.data = std::move(bytes_of_it);
    out.binary = binary;
    const auto text = bytes("c", publication_push{std::make_shared<const publication>(std::move(out))});
    CHECK(text.find_first_of("\r\n") == std::string::npos);
    const std::string before = R"({"push":{"channel":"c","pub":{"data":)";
    REQUIRE(text.starts_with(before));
    return text.substr(before.size(), text.size() - before.size() - 3);
  };
  CHECK(data("{\r\n \"a\": \"b c\"}\n", false) == R"({"a":"b c"})");
  CHECK(data("\xff", true) == R"("/w==")");
  CHECK(data("ab", true) == R"("YWI=")");
  CHECK(data("abc", true) == R"("YWJj")");
  CHECK(data("{\n", true) == R"("ewo=")");
  CHECK(data("", false) == "null");
}

TEST_CASE("the other pushes") {
  CHECK(bytes("c", join_push{nobody}) == R"({"push":{"channel":"c","join":{"info":{"user":"","client":"c2"}}}})");
  CHECK(
      bytes("c", leave_push{alice}) ==
      R"({"push":{"channel":"c","leave":{"info":{"user":"alice","client":"c1","conn_info":{"n":1},"chan_info":[2]}}}})");
  CHECK(bytes("c", subscribe_push{}) == R"({"push":{"channel":"c","subscribe":{}}})");
  subscribe_reply result;
  result.recoverable = result.positioned = true;
  result.at = {"e", 4};
  result.data = "{}";
  CHECK(
      bytes("c", subscribe_push{result}) ==
      R"({"push":{"channel":"c","subscribe":{"recoverable":true,"epoch":"e","offset":4,"positioned":true,"data":{}}}})");
  CHECK(bytes("c", unsubscribe_push{}) ==
        R"({"push":{"channel":"c","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}})");
  CHECK(bytes("c", unsubscribe_push{unsubscribe_code::insufficient}) ==
        R"({"push":{"channel":"c","unsubscribe":{"code":2500,"reason":"insufficient state"}}})");
}

TEST_CASE("pushes that belong to no channel") {
  CHECK(bytes("", message_push{"[1]"}) == R"({"push":{"message":{"data":[1]}}})");
  CHECK(bytes("", refresh_push{true, 60}) == R"({"push":{"refresh":{"expires":true,"ttl":60}}})");
  CHECK(bytes("", disconnect_push{3501, "bad request"}) ==
        R"({"push":{"disconnect":{"code":3501,"reason":"bad request"}}})");
}

TEST_CASE("a broadcast is encoded once, whoever asks first") {
  const auto channel = std::make_shared<const std::string>("c");
  const broadcast b(channel, publication_push{pub(2, "1")}, broadcast::clock::time_point{});
  std::vector<const std::string*> seen(4);
  {
    std::vector<std::jthread> threads;
    for (auto& one : seen) threads.emplace_back([&] { one = &b.bytes(format::json); });
  }
  for (const auto* one : seen) CHECK(one == seen.front());
  CHECK(*seen.front() == R"({"push":{"channel":"c","pub":{"data":1,"offset":2}}})");
  CHECK(b.channel() == "c");
  CHECK_FALSE(b.for_join_leave_only());
  CHECK(broadcast(channel, join_push{nobody}, {}).for_join_leave_only());
  CHECK(broadcast(channel, leave_push{nobody}, {}).for_join_leave_only());
}
