// What the scripts do to logs: appends, histories, and which positions count.

#include "tests/backplane/redis/script_caller.hpp"

#include <doctest/doctest.h>

using namespace plexus::backplane::redis;
using namespace plexus::backplane::redis::testing;

TEST_CASE("scripts: a batch of appends alone does what any batch does") {
  auto& redis = server::shared();
  caller node(redis), other(redis);
  other.uid = "other";
  node.hello();
  other.hello();
  const std::string keep = "100 60000";
  CHECK(node.appends({"A", "c", keep, "a", "A", "c", keep, "b", "A", "d", keep, "c"}) == "1 1; 2 2; 1 1; ");
  other.batch({"S", "c", keep, "", "0", "0", "10", "S", "e", "0 0", "", "0", "0", "10"});
  CHECK(node.appends({"A", "c", keep, "c",   "K", "c", keep,     "d",   "key", "60000", "A", "c",           keep,
                      "e", "A", "e",  "0 0", "f", "A", "nobody", "0 0", "g",   "A",     "c", "100 60000 s", "h"}) ==
        "3 3; 4 4; 5 5; 1 0; .; 6 0; ");
  CHECK(has(node.appends({"K", "c", keep, "again", "key", "60000"}), "D " + epoch_of_c(redis)));
  CHECK(has(node.append("c", "i"), " 7 6"));
  const auto entries = redis.ask({"XRANGE", prefix + "i:" + other.inbox, "-", "+"});
  std::size_t at = 0;
  for (const char* each : {"c", "d", "e", "f", "h"}) {
    at = entries.find(std::string("0") + each, at); // behind the time, which ends in three noughts
    if (at == std::string::npos) at = entries.find(each, 0);
    CHECK(at != std::string::npos);
  }
  CHECK(node.appends({"A", "c", keep, "late"}, 0, node.now - 60'000) == "L; ");
  const auto number = ++node.batches;
  CHECK(node.appends({"A", "c", keep, "j"}, number) == "8 7; ");
  CHECK(node.appends({"A", "c", keep, "j"}, number) == "8 7; "); // repeated: nothing is done again
  CHECK(has(node.append("c", "k"), " 9 8"));
  CHECK(redis.number({"XLEN", prefix + "h:c"}) == 8);
}

TEST_CASE("scripts: appends alone begin the log anew where it isn't the channel's, and follow a raise") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  const std::string keep = "100 60000";
  node.appends({"A", "c", keep, "a"});
  const auto before = epoch_of_c(redis);
  redis.ask({"HSET", prefix + "gate", "mark", "another server"});
  node.hello();
  CHECK(node.appends({"A", "c", keep, "b"}) == "2 2; ");
  CHECK(epoch_of_c(redis) == before);
  CHECK(has(redis.ask({"GET", prefix + "c:c"}), node.generation));
  redis.ask({"XADD", prefix + "h:c", "7-0", "d", "of nobody"});
  CHECK(node.appends({"A", "c", keep, "c"}) == "3 1; ");
  CHECK(epoch_of_c(redis) != before);
  redis.ask({"DEL", prefix + "h:c"});
  CHECK(node.appends({"A", "c", keep, "d"}) == "4 2; ");
}

TEST_CASE("scripts: appends alone take an inbox that is gone out of the occupancy") {
  auto& redis = server::shared();
  caller node(redis), other(redis), third(redis);
  other.uid = "other";
  third.uid = "third";
  for (auto* each : {&node, &other, &third}) each->hello();
  const std::string keep = "100 60000";
  for (auto* each : {&other, &third}) each->batch({"S", "c", keep, "", "0", "0", "10"});
  node.appends({"A", "c", keep, "a"});
  redis.ask({"DEL", prefix + "i:" + other.inbox});
  CHECK(node.appends({"A", "d", keep, "b", "A", "c", keep, "b"}) == "1 1; 2 2; ");
  CHECK(redis.number({"EXISTS", prefix + "i:" + other.inbox}) == 0);
  const auto state = redis.ask({"GET", prefix + "c:c"});
  CHECK_FALSE(has(state, other.inbox));
  CHECK(has(state, third.inbox));
  CHECK(node.appends({"A", "c", keep, "c"}) == "3 3; ");
}

TEST_CASE("scripts: a channel made anew has a new epoch and none of the old history") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  for (const char* each : {"a", "b", "c"}) node.append("c", each);
  const auto before = epoch_of_c(redis);
  redis.ask({"DEL", prefix + "c:c"});
  CHECK(has(node.append("c", "d"), " 1 1"));
  CHECK(epoch_of_c(redis) != before);
  CHECK(redis.number({"XLEN", prefix + "h:c"}) == 1);
}

TEST_CASE("scripts: a history that is ahead of its channel is another log's, and never answers for this one") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  node.append("c", "a");
  const auto before = epoch_of_c(redis);
  redis.ask({"XADD", prefix + "h:c", "7-0", "d", "of nobody"});
  CHECK(has(node.append("c", "b"), " 2 1"));
  CHECK(epoch_of_c(redis) != before);
  CHECK(redis.number({"XLEN", prefix + "h:c"}) == 1);
}

TEST_CASE("scripts: a position counts only as far as its own generation survived") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  for (const char* each : {"a", "b"}) node.append("c", each);
  const auto channel = epoch_of_c(redis), first = node.generation;
  const auto raise = [&] { // as after a failover
    redis.ask({"HSET", prefix + "gate", "mark", "another server"});
    node.hello();
  };
  const auto recovers = [&](const std::string& generation, int offset) {
    const auto said =
        node.batch({"R", "c", "100 60000", channel + "." + generation, std::to_string(offset), "100"});
    const auto at = said.find(channel + "." + node.generation);
    REQUIRE(at != std::string::npos);
    const auto flag = said.find(' ', said.find(' ', said.find(' ', at) + 1) + 1) + 1;
    return said[flag] == '1';
  };
  raise();
  const auto second = node.generation;
  CHECK(second != first);
  for (const char* each : {"c", "d"}) node.append("c", each);
  raise();
  node.append("c", "e"); // 5
  CHECK(recovers(first, 2));
  CHECK_FALSE(recovers(first, 3)); // lost with the first server; 3 is another publication now
  CHECK(recovers(second, 3));
  CHECK(recovers(second, 4));
  CHECK_FALSE(recovers(second, 5));
  CHECK(recovers(node.generation, 5));
  CHECK_FALSE(recovers("NEVER", 1));
}

TEST_CASE("scripts: a channel's hash outlives its history, its keys and four leases") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  node.batch({"A", "c", "10 500", "a"}, 0, false);
  CHECK(redis.number({"PTTL", prefix + "c:c"}) > 60'000); // the least that a caller asks for
  node.batch({"A", "c", "10 100000", "a"}, 0, false);
  CHECK(redis.number({"PTTL", prefix + "c:c"}) > 100'000);
  node.batch({"K", "c", "10 500", "a", "key", "200000"}, 0, false);
  CHECK(redis.number({"PTTL", prefix + "c:c"}) > 200'000);
  CHECK(redis.number({"PTTL", prefix + "h:c"}) <= 125'000);
}
