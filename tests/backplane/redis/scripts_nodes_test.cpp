// What the scripts do about nodes, their inboxes and their members, those that are gone too.

#include "tests/backplane/redis/script_caller.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <sstream>
#include <thread>

using namespace plexus::backplane::redis;
using namespace plexus::backplane::redis::testing;

TEST_CASE("scripts: an inbox's ids have no holes, and nobody makes an inbox by writing to it") {
  auto& redis = server::shared();
  caller one(redis), other(redis);
  other.uid = "other";
  one.hello();
  other.hello();
  other.batch({"S", "c", "100 60000", "", "0", "0", "10"});
  for (const char* each : {"a", "b"}) one.append("c", each);
  const auto ids = redis.ask({"XRANGE", prefix + "i:" + other.inbox, "-", "+"});
  CHECK(has(ids, "1-0"));
  CHECK(has(ids, "1-1"));
  CHECK(has(ids, "1-2"));
  redis.ask({"DEL", prefix + "i:" + other.inbox});
  one.append("c", "c");
  CHECK(redis.number({"EXISTS", prefix + "i:" + other.inbox}) == 0);
  CHECK_FALSE(has(redis.ask({"GET", prefix + "c:c"}), other.inbox));
}

TEST_CASE("scripts: members of a node that lives are never cleaned, whatever an old list says") {
  auto& redis = server::shared();
  caller node(redis), cleaner(redis);
  cleaner.uid = "cleaner";
  node.hello("NODES--INBOX");
  cleaner.hello();
  node.batch({"E", "c", "client", "info"});
  cleaner.batch({"C", "c", node.inbox, "0"});
  CHECK(redis.number({"HLEN", prefix + "m:c"}) == 1);
  redis.ask({"DEL", prefix + "i:" + node.inbox});
  // Entered again from its new inbox: the owner changes without an event.
  const auto dead = node.inbox;
  node.hello("NODES-2INBOX");
  CHECK(has(node.batch({"E", "c", "client", "info"}), " n info"));
  cleaner.batch({"C", "c", dead, "0"});
  CHECK(redis.number({"HLEN", prefix + "m:c"}) == 1);
}

TEST_CASE("scripts: the presence version goes on when the set was empty") {
  caller node(server::shared());
  node.hello();
  CHECK(has(node.batch({"E", "c", "client", "info"}), " 1 j info"));
  CHECK(has(node.batch({"L", "c", "client"}), " 2 l info"));
  CHECK(has(node.batch({"E", "c", "client", "info"}), " 3 j info"));
}

TEST_CASE("scripts: dead inboxes are told of where somebody has renewed for a lease, whoever asks") {
  auto& redis = server::shared();
  caller steady(redis), dead(redis), fresh(redis);
  steady.uid = "steady", dead.uid = "dead", fresh.uid = "fresh";
  const auto quiet = [](int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); };
  const std::string no_gap = "100000", any_gap = "0";
  steady.lease = fresh.lease = "300";
  steady.hello();
  dead.lease = "1"; // over at once
  dead.hello();
  quiet(5);
  CHECK(steady.renew(no_gap).empty()); // from now on it is calm
  quiet(150);
  CHECK(steady.renew(no_gap).empty());
  quiet(160);
  fresh.hello();
  CHECK(has(fresh.renew(no_gap), dead.inbox));
  quiet(2);
  CHECK(fresh.renew(any_gap).empty()); // somebody was late: the time begins anew
  quiet(310);
  fresh.hello();
  CHECK(has(fresh.renew(no_gap), dead.inbox));

  redis.ask({"HSET", prefix + "gate", "mark", "another server"});
  fresh.hello();
  CHECK(fresh.renew(no_gap).empty()); // all have to come back to this one
  quiet(310);
  fresh.hello();
  CHECK(has(fresh.renew(no_gap), dead.inbox));

  const auto ahead = redis.number({"TIME"}) * 1000 + 3'600'000; // the clock was set back by an hour
  redis.ask({"HSET", prefix + "gate", "renewed", std::to_string(ahead), "calm", std::to_string(ahead - 1000)});
  CHECK(fresh.renew(no_gap).empty());
  quiet(310);
  fresh.hello();
  CHECK(has(fresh.renew(no_gap), dead.inbox));
}

TEST_CASE("scripts: a dead node's members of a large channel go page by page, whatever was there before") {
  auto& redis = server::shared();
  caller cleaner(redis);
  cleaner.hello();
  const std::string dead = "DEADINBOX012", alive = "LIVINGINBOX1";
  redis.ask(
      {"EVAL",
       "for i = 1, 5000 do redis.call('HSET', KEYS[1], 'c' .. i, (i % 5 == 0 and ARGV[1] or ARGV[2]) .. 'info') "
       "end redis.call('HSET', KEYS[2], 'c', 1000)",
       "2", prefix + "m:c", prefix + "w:" + dead, dead, alive});
  std::string cursor = "0", said;
  int steps = 0;
  std::size_t left = 0;
  const auto clean = [&] {
    said = cleaner.batch({"C", "c", dead, cursor});
    for (auto at = said.find(" info"); at != std::string::npos; at = said.find(" info", at + 1)) ++left;
  };
  clean();
  CHECK(left > 100);
  CHECK(left < 300); // of about a thousand
  // A cursor of a server that isn't this one any more is none.
  cursor = "17 0123456789abcdef0123456789abcdef01234567";
  clean();
  for (;;) {
    REQUIRE(++steps < 100);
    const auto mark = redis.ask({"HGET", prefix + "gate", "replid"});
    const auto end = said.find(mark);
    if (end == std::string::npos) break; // none is left
    const auto from = said.rfind(' ', end - 2) + 1;
    cursor = said.substr(from, end + mark.size() - from);
    clean();
  }
  CHECK(left == 1000);
  CHECK(redis.number({"HLEN", prefix + "m:c"}) == 4000);
  CHECK(redis.number({"EXISTS", prefix + "w:" + dead}) == 0);
}

TEST_CASE("scripts: a dead node's channels are told of until there is none, however many there were") {
  auto& redis = server::shared();
  caller cleaner(redis);
  cleaner.hello();
  const std::string dead = "DEADINBOX012", box = prefix + "w:" + dead;
  redis.ask({"EVAL", "for i = 1, 10000 do redis.call('HSET', KEYS[1], 'c' .. i, 1) end", "1", box});
  redis.ask({"HSET", prefix + "nodes", dead, "n uid"});
  int rounds = 0;
  while (redis.number({"EXISTS", box}) == 1) {
    REQUIRE(++rounds <= 30);
    std::istringstream words(cleaner.batch({"B", dead, "500"}));
    std::vector<std::string> take_out{"HDEL", box};
    std::string each;
    for (int i = 0; words >> each; ++i)
      if (each[0] == 'c') take_out.push_back(each);
    REQUIRE(take_out.size() > 2);
    redis.ask(take_out);
  }
  CHECK(redis.number({"HEXISTS", prefix + "nodes", dead}) == 1);
  cleaner.batch({"B", dead, "500"});
  CHECK(redis.number({"HEXISTS", prefix + "nodes", dead}) == 0);
}
