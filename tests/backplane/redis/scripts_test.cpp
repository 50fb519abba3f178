// What the scripts refuse, whoever asks: straight from a Redis connection.

#include "tests/backplane/redis/script_caller.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace plexus::backplane::redis;
using namespace plexus::backplane::redis::testing;

TEST_CASE("scripts: an older connection of the node is refused, also with what it had under way") {
  caller node(server::shared());
  node.hello();
  auto old = node;
  node.hello();
  CHECK(has(node.append("c", "a"), "OK"));
  CHECK(has(old.batch({"U", "c", "0 0"}), "FENCED"));
  CHECK(has(old.hello(), "FENCED"));
}

TEST_CASE("scripts: a caller of another generation is refused") {
  caller node(server::shared());
  node.hello();
  auto other = node;
  other.generation = "ANOTHER";
  CHECK(has(other.append("c", "a"), "GENERATION"));
  CHECK(has(node.append("c", "a"), " 1 1"));
}

TEST_CASE("scripts: without its living inbox a node may only append") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  redis.ask({"DEL", prefix + "i:" + node.inbox});
  CHECK(has(node.batch({"E", "c", "client", "info"}), "GONE"));
  CHECK(has(node.batch({"S", "c", "0 0", "", "0", "0", "10"}), "GONE"));
  CHECK(has(node.append("c", "a"), "OK"));
  const auto before = node.inbox;
  node.hello();
  CHECK(node.inbox != before);
}

TEST_CASE(
    "scripts: reads beyond the bytes of an answer are left for a later batch, steps that state something are not") {
  caller node(server::shared());
  node.hello();
  node.append("big", std::string(3000, 'x'));
  node.room = "2000";
  const auto said =
      node.batch({"S",  "new", "0 0", "",          "0", "0",    "10", "R",   "big",    "100 60000", "", "0",
                  "10", "R",   "big", "100 60000", "",  "0",    "10", "H",   "big",    "100 60000", "", "-1",
                  "-1", "0",   "M",   "big",       "0", "1000", "E",  "big", "client", "info"});
  const auto first = said.find("xxx");
  REQUIRE(first != std::string::npos);
  const auto rest = said.substr(said.rfind('x'));
  CHECK(has(rest, " W W W "));
  CHECK(has(rest, " j "));
}

TEST_CASE("scripts: an append after its deadline is refused and nothing is done") {
  caller node(server::shared());
  node.hello();
  CHECK(has(node.batch({"A", "c", "100 60000", "late"}, 0, false, node.now - 60'000), "L"));
  CHECK(has(node.append("c", "a"), " 1 1"));
}

TEST_CASE("scripts: a batch that is repeated under its number gets its first answers and does nothing again") {
  caller node(server::shared());
  node.hello();
  const auto first = node.batch({"A", "c", "100 60000", "a", "E", "c", "client", "info"});
  node.hello(); // the answer was lost with the connection
  const auto again = node.batch({"A", "c", "100 60000", "a", "E", "c", "client", "info"}, node.batches);
  const auto answers = [](const std::string& text) {
    return text.substr(text.find(' ', 3));
  }; // behind OK and the time
  CHECK(answers(first) == answers(again));
  CHECK(has(node.append("c", "b"), " 3 2")); // two steps so far, one of them logged
}

TEST_CASE("scripts: a generation is a name that comes once, not the next number") {
  auto& redis = server::shared();
  caller node(redis);
  std::set<std::string> names;
  for (int i = 0; i < 5; ++i) {
    redis.ask({"HSET", prefix + "gate", "mark", "another server"});
    node.uid = "uid" + std::to_string(i);
    node.hello();
    CHECK(names.insert(node.generation).second);
  }
}

TEST_CASE("scripts: the server is compared inside of each script, once a second") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  redis.ask({"HSET", prefix + "gate", "replid", "of the server before", "checked", "0"});
  CHECK(has(node.append("c", "a"), "MARK"));
}

TEST_CASE("scripts: the number of partitions is fixed at its first use") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  redis.ask({"HSET", prefix + "gate", "partitions", "48"});
  CHECK(has(node.hello(), "PARTITIONS 48"));
}

TEST_CASE(
    "scripts: a message that is repeated under its number, or after a new generation, is not handed on again") {
  auto& redis = server::shared();
  caller from(redis), to(redis);
  to.uid = "receiver";
  from.hello();
  to.hello();
  const auto waiting = [&] { return redis.number({"XLEN", prefix + "i:" + to.inbox}); };
  const auto before = waiting();
  const std::vector<std::string> step{"D", "", "receiver", "bytes", from.generation};
  const auto first = from.batch(step);
  CHECK(waiting() == before + 1);
  from.hello();
  const auto again = from.batch(step, from.batches);
  CHECK(waiting() == before + 1);
  CHECK(has(first, "OK"));
  CHECK(has(again, "OK"));
  redis.ask({"DEL", prefix + "gate"});
  redis.ask({"HDEL", prefix + "n:caller", "batch", "answers"});
  from.hello();
  CHECK(from.generation != step[4]);
  CHECK(has(from.batch(step, from.batches), "G"));
  CHECK(waiting() == before + 1);
}
