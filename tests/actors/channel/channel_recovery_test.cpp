// What was missed: by a client that comes again, by a node between others.
#include "tests/actors/channel/bench.hpp"

#include <doctest/doctest.h>

using namespace plexus;
using namespace plexus::channel;
using namespace plexus::channel::testing;

TEST_CASE("what is published while a client recovers reaches it exactly once, wherever it falls") {
  // The answers of the backplane are let through one at a time; at each point in between another publication comes.
  for (int at = 0; at < 6; ++at) {
    CAPTURE(at);
    bench b(with_history());
    b.it->on_subscribe(b.request("old"));
    b.settle();
    for (int i = 1; i <= 3; ++i) b.publish_text(std::to_string(i));
    b.settle();
    auto epoch = b.appends.at(0)->at.epoch;
    auto m = b.request("late", 1);
    m.wants_recovery = true;
    m.since = protocol::position{epoch, 1};
    int steps = 0;
    if (at == 0) b.publish_text("4");
    b.it->on_subscribe(std::move(m));
    while (true) {
      if (++steps == at) b.publish_text("4");
      if (!b.step()) break;
    }
    if (steps < at) break;
    b.settle();
    b.publish_text("5");
    b.settle();
    REQUIRE(b.answers.size() == 2);
    auto& got = b.answers[1].second;
    REQUIRE(got.ok());
    CHECK(got->recovered);
    CHECK(got->at.offset == 1); // what the client sent
    std::vector<std::string> seen;
    for (auto& p : got->publications) seen.push_back(p->data);
    for (auto& [loop, bytes] : b.port.emitted)
      if (loop == 1) seen.push_back(bytes.substr(bytes.find("\"data\":") + 7, 1));
    CHECK(seen == std::vector<std::string>{"2", "3", "4", "5"});
  }
}

TEST_CASE("a position that is gone is said so, or refused on request") {
  bench b(with_history(2));
  b.it->on_subscribe(b.request("a"));
  for (int i = 1; i <= 5; ++i) b.publish_text(std::to_string(i));
  b.settle();
  auto epoch = b.appends.at(0)->at.epoch;
  auto m = b.request("b");
  m.wants_recovery = true;
  m.since = protocol::position{epoch, 1};
  b.it->on_subscribe(std::move(m));
  auto n = b.request("c");
  n.wants_recovery = n.refuse_unrecoverable = true;
  n.since = protocol::position{"other123", 5};
  b.it->on_subscribe(std::move(n));
  b.settle();
  REQUIRE(b.answers.size() == 3);
  CHECK_FALSE(b.answers[1].second->recovered);
  CHECK(b.answers[1].second->was_recovering);
  CHECK(b.answers[1].second->at.offset == 5);
  CHECK(b.answers[1].second->publications.empty());
  REQUIRE_FALSE(b.answers[2].second.ok());
  CHECK(b.answers[2].second.error() == protocol::error_code::unrecoverable_position);
  CHECK(b.it->subscribers() == 2);
}

TEST_CASE("on two nodes each subscriber sees every publication once and in order") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(), 1, store, "one"), two(with_history(), 1, store, "two");
  one.it->on_subscribe(one.request("a"));
  two.it->on_subscribe(two.request("b"));
  one.settle();
  two.settle();
  for (int i = 0; i < 4; ++i) {
    one.publish_text("1");
    two.publish_text("2");
    // Entries and answers reach the nodes in any interleaving.
    if (i % 2) two.settle();
    one.settle();
    two.settle();
    one.settle();
  }
  CHECK(one.port.emitted.size() == 8);
  CHECK(two.port.emitted.size() == 8);
  for (std::size_t i = 0; i < 8; ++i) {
    auto offset = "\"offset\":" + std::to_string(i + 1);
    CHECK(one.port.emitted[i].second.find(offset) != std::string::npos);
    CHECK(two.port.emitted[i].second.find(offset) != std::string::npos);
  }
}

TEST_CASE("a hole is read from the log; where that can't be, every loop's subscribers are told") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(3), 1, store, "one"), two(with_history(3), 1, store, "two");
  one.it->on_subscribe(one.request("a"));
  one.settle();
  two.it->on_subscribe(two.request("b"));
  two.settle();
  // Two entries for node two get lost on their way.
  one.publish_text("1");
  one.publish_text("2");
  one.settle();
  two.queue.clear();
  two.it->on_in_doubt();
  two.settle();
  CHECK(two.port.emitted.size() == 2);
  // So many that the log has lost some: nothing is skipped in silence.
  for (int i = 0; i < 6; ++i) one.publish_text("x");
  one.settle();
  two.queue.clear();
  two.it->on_in_doubt();
  two.settle();
  CHECK(two.port.emitted.size() == 2);
  CHECK(two.port.dissolved == std::vector<unsigned>{0});
  CHECK(two.it->subscribers() == 0);
}

TEST_CASE("what comes while a hole is being filled goes behind it, without another publication to bring it up") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(), 1, store, "one"), two(with_history(), 1, store, "two");
  two.it->on_subscribe(two.request("b"));
  two.settle();
  one.publish_text("1");
  one.settle();
  two.queue.clear(); // the first entry is lost on its way
  two.it->on_in_doubt();
  one.publish_text("2");
  one.settle();
  REQUIRE(two.queue.size() == 2); // the log as it was, and the second entry
  std::swap(two.queue[0], two.queue[1]);
  two.settle();
  REQUIRE(two.port.emitted.size() == 2);
  CHECK(two.port.emitted[0].second.find("\"offset\":1") != std::string::npos);
  CHECK(two.port.emitted[1].second.find("\"offset\":2") != std::string::npos);
  CHECK(two.port.dissolved.empty());
}

TEST_CASE("doubt that arises while a hole is being filled is looked into as well") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(), 1, store, "one"), two(with_history(), 1, store, "two");
  two.it->on_subscribe(two.request("b"));
  two.settle();
  two.it->on_in_doubt();
  one.publish_text("1");
  one.settle();
  two.queue.pop_back(); // the entry is lost; what the log had was read before it
  two.it->on_in_doubt();
  two.settle();
  CHECK(two.port.emitted.size() == 1);
}

TEST_CASE("who was joining by a log that is lost is refused, and the channel is left to others") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(2), 1, store, "one"), two(with_history(2), 1, store, "two");
  two.it->on_subscribe(two.request("b"));
  two.settle();
  auto epoch = two.answers.at(0).second->at.epoch;
  for (int i = 0; i < 5; ++i) one.publish_text("x");
  one.settle();
  two.queue.clear();
  two.it->on_in_doubt(); // three of five are gone
  auto late = two.request("late");
  late.wants_recovery = true;
  late.since = protocol::position{epoch, 4};
  two.it->on_subscribe(std::move(late));
  two.settle();
  CHECK(two.port.dissolved == std::vector<unsigned>{0});
  REQUIRE(two.answers.size() == 2);
  CHECK(two.answers[1].second.error() == protocol::error_code::internal);
  CHECK(two.it->is_idle());
  one.publish_text("y");
  one.settle();
  CHECK(two.queue.empty()); // nothing is handed to a node that gave the channel up
}

TEST_CASE("who recovers while a hole is there gets what fills it once, and nobody before the others") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(), 1, store, "one"), two(with_history(), 2, store, "two");
  two.it->on_subscribe(two.request("b"));
  two.settle();
  const auto epoch = two.answers.at(0).second->at.epoch;
  one.publish_text("1");
  one.publish_text("2");
  one.settle();
  two.queue.clear(); // both entries are lost on their way
  auto late = two.request("late", 1);
  late.wants_recovery = true;
  late.since = protocol::position{epoch, 1};
  two.it->on_subscribe(std::move(late));
  two.settle();
  REQUIRE(two.answers.size() == 2);
  std::vector<std::string> seen_by_late, seen_by_b;
  for (auto& p : two.answers[1].second->publications) seen_by_late.push_back(p->data);
  for (auto& [loop, bytes] : two.port.emitted)
    (loop == 1 ? seen_by_late : seen_by_b).push_back(bytes.substr(bytes.find("\"data\":") + 7, 1));
  CHECK(seen_by_late == std::vector<std::string>{"2"});
  CHECK(seen_by_b == std::vector<std::string>{"1", "2"});
}
