// One admin client against a node's inside: signing in, requests, watches, what other nodes say or don't.

#include "actors/runtime/trace.hpp"
#include "tests/actors/admin/world.hpp"

#include <doctest/doctest.h>

#include <thread>

using namespace plexus;
using namespace plexus::admin;
using namespace plexus::admin::testing;

namespace {

struct fixture {
  world node;
  kept_socket socket{node.home()};
  session client{socket, node.room()};

  json say(const json& what) {
    client.on_message(what.dump());
    node.turn();
    if (socket.said.empty()) return nullptr;
    auto got = std::move(socket.said.front());
    socket.said.pop_front();
    return got;
  }
  void sign_in() { REQUIRE(say({{"id", 1}, {"auth", {{"secret", "hush"}}}})["result"]["access"] == "write"); }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "with the secret one is in, and is told what one may") {
  auto hello = say({{"id", 7}, {"auth", {{"secret", "hush"}}}});
  CHECK(hello["id"] == 7);
  CHECK(hello["result"]["version"] == 1);
  CHECK(say({{"id", 8}, {"nodes", json::object()}})["result"]["nodes"][0]["node"] == "here");
  CHECK(say({{"id", 9}, {"auth", {{"secret", "hush"}}}})["error"]["code"] == 107);
}

TEST_CASE_FIXTURE(fixture, "without it one is out") {
  CHECK(say({{"id", 1}, {"auth", {{"secret", "loud"}}}})["error"]["code"] == 101);
  CHECK(socket.closed == 1008);
}

TEST_CASE_FIXTURE(fixture, "with the secret one is out too while as many are in as may be") {
  for (std::size_t i = 0; i < places::max_sessions; ++i) {
    REQUIRE(node.seats.enter({}));
    REQUIRE(node.seats.sign_in({}));
  }
  CHECK(say({{"id", 1}, {"auth", {{"secret", "hush"}}}})["error"]["code"] == 106);
  CHECK(socket.closed == 1013);
  for (std::size_t i = 0; i < places::max_sessions; ++i) node.seats.leave({}, true);
}

TEST_CASE_FIXTURE(fixture, "an answer that is too long is refused, and the socket stays") {
  sign_in();
  const std::string much(session::longest_answer, 'x');
  node.others.others = {{{"there", R"({"result":{"node":"there","loops":")" + much + R"("}})"}}, {}, false};
  const auto got = say({{"id", 2}, {"nodes", json::object()}});
  CHECK(got["id"] == 2);
  CHECK(got["error"]["code"] == 106);
  CHECK(say({{"id", 3}, {"audit", json::object()}}).contains("result"));
}

TEST_CASE_FIXTURE(fixture, "who says something else first is out") {
  client.on_message(R"({"id":1,"nodes":{}})");
  CHECK(socket.closed == 1008);
}

TEST_CASE_FIXTURE(fixture, "a silent node is named beside the others' answers") {
  sign_in();
  node.others.others = {{{"there", R"({"result":{"node":"there","loops":[]}})"}}, {"gone"}, false};
  auto got = say({{"id", 2}, {"nodes", json::object()}})["result"];
  CHECK(got["nodes"].size() == 2);
  CHECK(got["silent"] == json::array({"gone"}));
}

TEST_CASE_FIXTURE(fixture, "what another node says that is no answer is left out") {
  sign_in();
  node.others.others = {{{"odd", "no json"}, {"odder", "[]"}, {"refusing", R"({"error":{"code":100}})"}}, {}, true};
  auto got = say({{"id", 2}, {"nodes", json::object()}})["result"];
  CHECK(got["nodes"].size() == 1);
  CHECK(got["unsure"] == true);
}

TEST_CASE_FIXTURE(fixture, "a watch tells once, and again when something has changed") {
  sign_in();
  CHECK(say({{"id", 2},
             {"watch", {{"request", {{"audit", json::object()}}}, {"interval", "100ms"}}}})["result"]["watch"] ==
        2);
  node.turn();
  REQUIRE(socket.said.size() == 1);
  CHECK(socket.said[0]["watch"] == 2);
  socket.said.clear();
  auto later = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(110));
    client.on_timer();
    node.turn();
  };
  later();
  CHECK(socket.said.empty());
  CHECK(say({{"id", 3}, {"block_user", {{"user", "ann"}, {"reason", "test"}}}}).contains("result"));
  later();
  REQUIRE(socket.said.size() == 1);
  CHECK(socket.said[0]["result"]["entries"][0]["action"] == "block_user");
  // Nothing more while it isn't read.
  socket.said.clear();
  CHECK(say({{"id", 4}, {"unblock_user", {{"user", "ann"}, {"reason", "test"}}}}).contains("result"));
  socket.unread = 100;
  later();
  CHECK(socket.said.empty());
}

TEST_CASE_FIXTURE(fixture, "an action wants the right to write and a reason") {
  const json what{{"user", "ann"}};
  CHECK(node.ask("disconnect", what)["error"]["code"] == 107);
  json with_reason = what;
  with_reason["reason"] = "test";
  CHECK(node.ask("disconnect", with_reason, access::read)["error"]["code"] == 103);
  CHECK(node.ask("disconnect", with_reason)["result"]["connections"] == 0);
  CHECK(node.ask("drain", {{"reason", "test"}})["error"]["code"] == 107);
  CHECK(node.ask("drain", {{"reason", "test"}, {"node", "here"}})["result"]["nodes"].contains("here"));
  CHECK(node.node.drained);
  auto entries = node.ask("audit", json::object())["result"]["entries"];
  CHECK(entries.size() == 2);
}

TEST_CASE_FIXTURE(fixture, "publish, then look at the channel") {
  auto at = node.ask("publish", {{"channel", "room"}, {"data", {{"a", 1}}}, {"reason", "test"}});
  CHECK(at["result"]["offset"] == 1);
  auto got = node.ask("channel", {{"channel", "room"}})["result"];
  CHECK(got["history"]["position"]["offset"] == 1);
  CHECK(got["history"]["last"][0]["bytes"] == 7);
  CHECK_FALSE(got["history"]["last"][0].contains("data"));
  auto audit = node.ask("audit", json::object())["result"]["entries"][0];
  CHECK(audit["with"]["data"] == "7 bytes");
}

TEST_CASE_FIXTURE(fixture, "a trace begins with its watcher and ends with it") {
  sign_in();
  say({{"id", 2}, {"watch", {{"request", {{"trace", {{"channel", "room"}}}}}, {"interval", "100ms"}}}});
  node.turn();
  CHECK(runtime::trace::on());
  CHECK(say({{"id", 3}, {"trace", {{"channel", "room"}}}})["watch"] == 2);
  client.on_gone();
  node.turn();
  CHECK_FALSE(runtime::trace::on());
}
