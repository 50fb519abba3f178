// What the scripts refuse, whoever asks: straight from a Redis connection.

#include "backplane/redis/scripts.hpp"
#include "tests/backplane/redis/server.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace plexus::backplane::redis;
using plexus::backplane::redis::testing::server;

namespace {

const std::string prefix = "plexus:{p0}:";

/// A caller that says what it likes.
struct caller {
  explicit caller(server& with) : redis(with) {}
  server& redis;
  std::string uid = "caller", generation, inbox, connection = "0", lease = "10000";
  int batches = 0, hellos = 0;
  long long now = 0;
  std::string room = "1000000";

  std::string hello(const std::string& new_inbox = {}) {
    connection = std::to_string(++hellos);
    const auto fresh = new_inbox.empty() ? "inbox" + uid.substr(0, 4) + std::to_string(100 + hellos) : new_inbox;
    const auto said =
        redis.ask({"EVAL", std::string(scripts::hello), "1", prefix + "gate", prefix, uid, connection, generation,
                   inbox, fresh, "GEN" + uid + std::to_string(hellos), lease, "1", "n", "100000"});
    auto word = [rest = said]() mutable {
      const auto out = rest.substr(0, rest.find(' '));
      rest.erase(0, out.size() + 1);
      return out;
    };
    if (word() != "OK") return said;
    generation = word();
    inbox = word();
    now = redis.number({"TIME"}) * 1000;
    return said;
  }
  std::string batch(std::vector<std::string> steps, int number = 0, bool needs_inbox = true,
                    long long deadline = 0) {
    if (number == 0) number = ++batches;
    std::vector<std::string> words{"EVAL",
                                   std::string(scripts::batch),
                                   "1",
                                   prefix + "gate",
                                   prefix,
                                   uid,
                                   connection,
                                   generation,
                                   inbox,
                                   std::to_string(number),
                                   std::to_string(deadline ? deadline : now + 60'000),
                                   "NONCE" + std::to_string(number),
                                   needs_inbox ? "1" : "0",
                                   "60000",
                                   "1000",
                                   "1000",
                                   "1",
                                   room};
    words.insert(words.end(), steps.begin(), steps.end());
    return redis.ask(words);
  }
  std::string append(const std::string& channel, const std::string& data, int number = 0) {
    return batch({"A", channel, "100 60000", data}, number, false);
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

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
  const auto answers = [](const std::string& text) { return text.substr(text.find("NONCE")); };
  CHECK(answers(first) == answers(again));
  CHECK(has(node.append("c", "b"), " 3 2")); // two steps so far, one of them logged
}

TEST_CASE("scripts: a channel made anew has a new epoch and none of the old history") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  for (const char* each : {"a", "b", "c"}) node.append("c", each);
  const auto before =
      redis.ask({"EVAL", "local p = redis.call('HGET', KEYS[1], 'p') return ({struct.unpack('<ddddddss', p)})[8]",
                 "1", prefix + "c:c"});
  redis.ask({"DEL", prefix + "c:c"});
  CHECK(has(node.append("c", "d"), " 1 1"));
  CHECK(redis.ask({"EVAL", "local p = redis.call('HGET', KEYS[1], 'p') return ({struct.unpack('<ddddddss', p)})[8]",
                   "1", prefix + "c:c"}) != before);
  CHECK(redis.number({"XLEN", prefix + "h:c"}) == 1);
}

TEST_CASE("scripts: a history that is ahead of its channel is another log's, and never answers for this one") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  node.append("c", "a");
  const auto before =
      redis.ask({"EVAL", "local p = redis.call('HGET', KEYS[1], 'p') return ({struct.unpack('<ddddddss', p)})[8]",
                 "1", prefix + "c:c"});
  redis.ask({"XADD", prefix + "h:c", "7-0", "d", "of nobody"});
  CHECK(has(node.append("c", "b"), " 2 1"));
  CHECK(redis.ask({"EVAL", "local p = redis.call('HGET', KEYS[1], 'p') return ({struct.unpack('<ddddddss', p)})[8]",
                   "1", prefix + "c:c"}) != before);
  CHECK(redis.number({"XLEN", prefix + "h:c"}) == 1);
}

TEST_CASE("scripts: a position counts only as far as its own generation survived") {
  auto& redis = server::shared();
  caller node(redis);
  node.hello();
  for (const char* each : {"a", "b"}) node.append("c", each);
  const auto channel = redis.ask(
                 {"EVAL", "local p = redis.call('HGET', KEYS[1], 'p') return ({struct.unpack('<ddddddss', p)})[8]",
                  "1", prefix + "c:c"}),
             first = node.generation;
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
  CHECK(redis.number({"HEXISTS", prefix + "c:c", other.inbox}) == 0);
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

TEST_CASE("scripts: members of a node that lives are never cleaned, whatever an old list says") {
  auto& redis = server::shared();
  caller node(redis), cleaner(redis);
  cleaner.uid = "cleaner";
  node.hello("NODES--INBOX");
  cleaner.hello();
  node.batch({"E", "c", "client", "info"});
  cleaner.batch({"C", "c", node.inbox, "100"});
  CHECK(redis.number({"HLEN", prefix + "m:c"}) == 1);
  redis.ask({"DEL", prefix + "i:" + node.inbox});
  // Entered again from its new inbox: the owner changes without an event.
  const auto dead = node.inbox;
  node.hello("NODES-2INBOX");
  const auto version = redis.ask({"HGET", prefix + "c:c", "p"});
  CHECK(has(node.batch({"E", "c", "client", "info"}), " n info"));
  cleaner.batch({"C", "c", dead, "100"});
  CHECK(redis.number({"HLEN", prefix + "m:c"}) == 1);
}

TEST_CASE("scripts: the presence version goes on when the set was empty") {
  caller node(server::shared());
  node.hello();
  CHECK(has(node.batch({"E", "c", "client", "info"}), " 1 j info"));
  CHECK(has(node.batch({"L", "c", "client"}), " 2 l info"));
  CHECK(has(node.batch({"E", "c", "client", "info"}), " 3 j info"));
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
