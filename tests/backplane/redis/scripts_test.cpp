// What the scripts refuse, whoever asks: straight from a Redis connection.

#include "backplane/redis/scripts.hpp"
#include "backplane/redis/step.hpp"
#include "backplane/redis/wire.hpp"
#include "tests/backplane/redis/server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <set>
#include <sstream>
#include <thread>

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
  [[nodiscard]] std::string who_calls() const {
    std::string out;
    add_ended(out, prefix, uid, connection, generation, inbox);
    return out;
  }
  std::string batch(std::vector<std::string> steps, int number = 0, bool needs_inbox = true, long long deadline = 0,
                    std::string_view script = scripts::batch) {
    if (number == 0) number = ++batches;
    std::vector<std::string> words{"EVAL", std::string(script), "1", prefix + "gate", who_calls()};
    add_ended(words.emplace_back(), std::to_string(number), std::to_string(deadline ? deadline : now + 60'000),
              "NONCE" + std::to_string(number), "60000", "1000", "1000", needs_inbox ? "1" : "0", "1", room);
    words.insert(words.end(), steps.begin(), steps.end());
    return redis.ask(words);
  }
  /// The names of inboxes that are gone, as far as it is told of them.
  std::string renew(const std::string& gap) {
    const auto said = redis.ask(
        {"EVAL", std::string(scripts::renew), "1", prefix + "gate", who_calls(), lease, "1-0", "100000", gap});
    REQUIRE(said.substr(0, 3) == "OK ");
    std::istringstream words(said);
    std::string out, each;
    for (int i = 0; words >> each; ++i)
      if (i >= 3) out += each;
    return out;
  }
  std::string append(const std::string& channel, const std::string& data, int number = 0) {
    return batch({"A", channel, "100 60000", data}, number, false);
  }
  /// The same steps by the script for appends: "sequence offset; " of each, or what stands instead of its epoch.
  std::string appends(const std::vector<std::string>& steps, int number = 0, long long deadline = 0) {
    const auto said = batch(steps, number, false, deadline, scripts::append);
    if (said.substr(0, 9) != "APPENDED ") return said;
    const auto packed = said.substr(said.find(' ', said.find(' ') + 1) + 2);
    std::string out;
    for (const auto& each : unpack_answers(packed)) {
      if (each.sequence == 0)
        out += std::string(each.epoch) + "; ";
      else
        out += std::to_string(each.sequence) + " " + std::to_string(each.offset) + "; ";
    }
    return out;
  }
};

std::string epoch_of_c(server& redis) {
  const auto whole = redis.ask(
      {"EVAL", "return ({struct.unpack('<I6I6I6I6I6I6ss', redis.call('GET', KEYS[1]))})[7]", "1", prefix + "c:c"});
  return whole.substr(0, whole.rfind('.'));
}

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
  const auto answers = [](const std::string& text) {
    return text.substr(text.find(' ', 3));
  }; // behind OK and the time
  CHECK(answers(first) == answers(again));
  CHECK(has(node.append("c", "b"), " 3 2")); // two steps so far, one of them logged
}

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
  CHECK_FALSE(has(redis.ask({"GET", prefix + "c:c"}), other.inbox));
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
