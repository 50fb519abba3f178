// One admin client against a node's inside: signing in, requests, watches, what other nodes say or don't.

#include "actors/admin/service.hpp"
#include "actors/runtime/trace.hpp"
#include "tests/actors/admin/world.hpp"

#include <doctest/doctest.h>

#include <ctime>
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

TEST_CASE_FIXTURE(fixture, "what another node says that is no answer is told beside the others' answers") {
  sign_in();
  node.others.others = {{{"odd", "no json"},
                         {"odder", "[]"},
                         {"refusing", R"({"error":{"code":106,"message":"too many"}})"},
                         {"strange", R"({"error":{"code":"x","message":5}})"}},
                        {},
                        true};
  auto got = say({{"id", 2}, {"nodes", json::object()}})["result"];
  CHECK(got["nodes"].size() == 1);
  CHECK(got["unsure"] == true);
  CHECK(got["refused"].size() == 4);
  CHECK(got["refused"]["refusing"] == json{{"code", 106}, {"message", "too many"}});
  CHECK(got["refused"]["strange"]["code"] == 100);
}

TEST_CASE_FIXTURE(fixture, "a node whose answer makes no sense costs the others' answers nothing") {
  node.others.others = {{{"newer", R"({"result":{"lines":"none"}})"},
                         {"there", R"({"result":{"lines":[{"time":1,"node":"there"}],"dropped":3,"cursor":7}})"}},
                        {},
                        false};
  auto got = node.ask("logs", json::object())["result"];
  CHECK(got["refused"].contains("newer"));
  CHECK(got["cursor"]["there"] == 7);
  CHECK(got["dropped"] == 3);
}

TEST_CASE_FIXTURE(fixture, "of what there is one of, other nodes' no is no refusal") {
  const auto no = R"({"error":{"code":108,"message":"not here"}})";
  node.others.others = {{{"there", no}, {"other", R"({"result":{"client":"x"}})"}}, {}, false};
  auto got = node.ask("connection", {{"client", "x"}})["result"];
  CHECK(got["connection"]["client"] == "x");
  CHECK_FALSE(got.contains("refused"));
  node.others.others = {{{"there", no}}, {}, false};
  CHECK(node.ask("connection", {{"client", "x"}})["error"]["code"] == 108);
}

TEST_CASE_FIXTURE(fixture, "the audit log says who did not do it") {
  node.others.others = {{{"full", R"({"error":{"code":106,"message":"too many"}})"}}, {"gone"}, false};
  CHECK(node.ask("disconnect", {{"user", "ann"}, {"reason", "test"}})["result"]["refused"].contains("full"));
  auto entry = node.ask("audit", json::object())["result"]["entries"][0];
  CHECK(entry["outcome"] == "done, no answer from gone, refused by full: too many");
}

TEST_CASE_FIXTURE(fixture, "a channel's subscribers are those of all nodes, whatever the order") {
  node.ask("publish", {{"channel", "room"}, {"data", 1}, {"reason", "test"}});
  node.others.others = {
      {{"there",
        R"({"result":{"matched":1,"next":null,"channels":[{"channel":"room","subscribers":5,"nodes":1,"mailbox":0,
        "publications":3,"bytes":9,"publications_per_second":2,"position":null,"key":[5,"room"]}]}})"}},
      {},
      false};
  for (const char* sort : {"subscribers", "rate", "name"}) {
    auto got = node.ask("channels", {{"sort", sort}, {"limit", 1}})["result"];
    REQUIRE(got["channels"].size() == 1);
    CHECK(got["channels"][0]["subscribers"] == 5);
    CHECK(got["channels"][0]["nodes"] == 2);
    CHECK(got["channels"][0]["publications"] == 3);
    CHECK(got["next"].is_null());
  }
  CHECK(node.ask("channels", {{"sort", "rate"}, {"after", {1, "x"}}})["error"]["code"] == 107);
}

TEST_CASE_FIXTURE(fixture, "who is signed in with what doesn't hold any more is out") {
  auto token = [](std::int64_t ends) {
    return signed_hs256(json{{"sub", "ann"}, {"admin", "write"}, {"exp", ends}, {"iat", 1000}}.dump(), "key");
  };
  node.node.conf->client.token.hmac_secrets = {"key"};
  const auto now = std::time(nullptr);
  auto later = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1010));
    client.on_timer();
  };
  SUBCASE("a token that expires") {
    REQUIRE(say({{"id", 1}, {"auth", {{"token", token(now + 1)}}}})["result"]["access"] == "write");
    later();
    CHECK(socket.closed == 1008);
  }
  SUBCASE("a user who is blocked") {
    REQUIRE(say({{"id", 1}, {"auth", {{"token", token(now + 100)}}}})["result"]["access"] == "write");
    later();
    CHECK(socket.closed == 0);
    node.deny(connection::denial_kind::block, "ann");
    later();
    CHECK(socket.closed == 1008);
    CHECK(node.ask("blocked", json::object())["result"]["blocked"][0]["user"] == "ann");
  }
  SUBCASE("who was blocked before") {
    node.deny(connection::denial_kind::block, "ann");
    CHECK(say({{"id", 1}, {"auth", {{"token", token(now + 100)}}}})["error"]["code"] == 101);
  }
  SUBCASE("a user's older tokens") {
    node.deny(connection::denial_kind::invalidate, "ann");
    CHECK(say({{"id", 1}, {"auth", {{"token", token(now + 100)}}}})["error"]["code"] == 101);
  }
  SUBCASE("a secret that was changed") {
    sign_in();
    node.node.conf->admin_secret = "another";
    later();
    CHECK(socket.closed == 1008);
  }
}

TEST_CASE_FIXTURE(fixture, "a node that can't be looked in at ends the traces of others all the same") {
  service here(node.env);
  node.node.conf->admin_secret.clear();
  bool answered = false;
  here.serve(R"({"method":"trace","with":{"name":"theirs","channel":"room"}})", [&](auto&&) { answered = true; });
  for (int i = 0; i < 500 && !answered; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    node.turn();
  }
  CHECK(runtime::trace::on());
  here.tick(runtime::loop::clock::now() + std::chrono::seconds(16));
  node.turn();
  CHECK_FALSE(runtime::trace::on());
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

TEST_CASE_FIXTURE(fixture, "the first result of a watch comes at once") {
  sign_in();
  socket.unread = 20; // the answer to the watch itself
  CHECK(say({{"id", 2}, {"watch", {{"request", {{"audit", json::object()}}}, {"interval", "60s"}}}})["id"] == 2);
  REQUIRE(socket.said.size() == 1);
  CHECK(socket.said[0]["watch"] == 2);
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
  // What was refused is there too, one a second.
  auto entries = node.ask("audit", json::object())["result"]["entries"];
  REQUIRE(entries.size() == 3);
  std::size_t refused = 0;
  for (auto& e : entries) refused += e["outcome"].get<std::string>().starts_with("refused: ");
  CHECK(refused == 1);
}

TEST_CASE_FIXTURE(fixture, "what is done in the whole cluster takes no node") {
  for (const char* method : {"publish", "block_user", "unblock_user", "move"}) {
    const json with{{"channel", "room"}, {"user", "ann"}, {"to", "here"}, {"node", "here"}, {"reason", "test"}};
    CHECK(node.ask(method, with)["error"]["message"] == R"("node": this isn't done on one node)");
  }
}

TEST_CASE_FIXTURE(fixture, "the audit log keeps no more of the parameters than is of use") {
  node.ask("disconnect", {{"user", "ann"}, {"junk", std::string(60'000, 'x')}, {"reason", "test"}});
  auto entry = node.ask("audit", json::object())["result"]["entries"][0];
  CHECK(entry["outcome"] == R"("junk" is not a parameter of this request)");
  CHECK(entry.dump().size() < 2000);
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
