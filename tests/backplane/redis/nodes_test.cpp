// Nodes among each other on a real Redis: messages through trouble, and the end of a node.

#include "tests/backplane/redis/cluster.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace plexus::backplane;
using namespace plexus::backplane::contract;
using namespace plexus::backplane::redis::testing;

TEST_CASE("nodes: messages between nodes survive cut connections, once each and in order") {
  shared_cluster f;
  const auto to = f.node(1).uid();
  std::size_t refused = 0;
  for (int i = 0; i < 100; ++i) {
    f.node(0).send(to, std::to_string(i), [&refused](const auto& how) { refused += how.ok() ? 0 : 1; });
    if (i % 20 == 7) f.on_loop(0, [&f] { f.plane(0).cut(); });
    if (i % 20 == 17) f.on_loop(1, [&f] { f.plane(1).cut(); });
  }
  REQUIRE(f.until([&] { return f.at(1).messages.size() == 100; }));
  f.settle();
  REQUIRE(f.at(1).messages.size() == 100);
  for (std::size_t i = 0; i < 100; ++i) CHECK(f.at(1).messages[i].second == std::to_string(i));
  CHECK(refused == 0);
}

TEST_CASE("nodes: after FLUSHALL nodes find each other again") {
  shared_cluster f;
  f.redis().ask({"FLUSHALL"});
  REQUIRE(f.until([&] { return !f.node(0).check().ready; }));
  REQUIRE(f.until([&] { return f.node(0).check().ready && f.node(1).check().ready && f.node(2).check().ready; }));
  CHECK(peers(f, 1).size() == 3);
  CHECK(send(f, 0, f.node(2).uid(), "still there?").ok());
  CHECK(f.at(2).messages.size() == 1);
}

TEST_CASE("nodes: a node that ends cleanly is gone at once, with its members, its channels and its name") {
  shared_cluster f;
  subscribe(f, 0, "c", long_log);
  subscribe(f, 1, "c", long_log);
  for (int i = 0; i < 300; ++i) enter(f, 1, "c", {"u", "client" + std::to_string(i), "", ""});
  f.settle();
  f.at(0).changes.clear();
  const auto uid = f.node(1).uid();
  const auto stays = inbox_of(f.redis(), "node-0"), goes = inbox_of(f.redis(), "node-1");
  f.end(1);
  REQUIRE(f.until([&] { return f.at(0).changes["c"].size() == 300; }, 500ms)); // half of the lease
  for (const auto& each : f.at(0).changes["c"]) CHECK(each.what == presence_change::kind::left);
  CHECK(members(f, 0, "c").members.empty());
  CHECK(peers(f, 0).size() == 2);
  CHECK(send(f, 0, uid, "there?").error() == error_code::internal);
  CHECK(f.redis().ask({"HVALS", prefix + "nodes"}).find(uid) == std::string::npos);
  const auto channel = f.redis().ask({"GET", prefix + "c:c"});
  CHECK(channel.find(stays) != std::string::npos);
  CHECK(channel.find(goes) == std::string::npos);
  append(f, 0, "c", long_log, said("goes on"));
}

TEST_CASE("nodes: a farewell with more members than there is time for: the others see to the rest") {
  auto times = quick();
  times.farewell = 1ms;
  cluster f(server::shared(), times);
  subscribe(f, 0, "c", long_log);
  for (int i = 0; i < 3000; ++i) f.node(1).enter("c", {"u", "client" + std::to_string(i), "", ""}, {});
  f.settle();
  const auto uid = f.node(1).uid();
  f.end(1);
  const auto left = peers(f, 0);
  CHECK(std::none_of(left.begin(), left.end(), [&](const peer& each) { return each.uid == uid; }));
  REQUIRE(f.until([&] { return f.redis().number({"HLEN", prefix + "m:c"}) == 0; }, 10'000ms));
}

TEST_CASE("nodes: a farewell while Redis is away keeps nobody waiting") {
  server own;
  cluster f(own);
  own.kill_hard();
  REQUIRE(f.until([&] { return !f.node(1).check().ready; }));
  f.end(1);
}
