#include "actors/runtime/metrics.hpp"
#include "actors/runtime/pinned_actor.hpp"
#include "actors/runtime/runtime.hpp"

#include <caf/send.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <future>
#include <thread>

using namespace plexus::runtime;
using namespace std::chrono_literals;

namespace {

struct say {
  int number = 0;
};
struct blunder {};

} // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(say)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(blunder)

namespace {

/// Notes on which thread each of its parts ran, and what it got.
class listener_actor final : public pinned_actor {
public:
  struct notes {
    std::vector<std::thread::id> threads;
    std::vector<int> numbers;
    std::promise<void> complete;
    std::size_t wanted = 0;
    bool ended = false, ended_by_failure = false;
  };
  listener_actor(caf::actor_config& config, loop& home, notes& to) :
      pinned_actor(config, home, "listener"), to_(to) {}
  caf::behavior make_behavior() override {
    to_.threads.push_back(std::this_thread::get_id());
    return {[this](const say& m) {
              to_.threads.push_back(std::this_thread::get_id());
              to_.numbers.push_back(m.number);
              if (to_.numbers.size() == to_.wanted) to_.complete.set_value();
            },
            [](const blunder&) { throw std::runtime_error("on purpose"); }};
  }
  void on_exit() override {
    to_.ended = true;
    to_.ended_by_failure = failed();
  }

private:
  notes& to_;
};

} // namespace

TEST_CASE("an actor runs on its loop's thread only, whoever sends") {
  runtime rt(2);
  listener_actor::notes notes;
  notes.wanted = 3000;
  auto actor = spawn_on<listener_actor>(rt.at(1), notes);
  rt.start();
  std::promise<std::thread::id> home;
  rt.at(1).post([&] { home.set_value(std::this_thread::get_id()); });
  auto home_thread = home.get_future().get();
  auto send = [&] {
    for (int i = 0; i < 1000; ++i) caf::anon_send(actor, say{i});
  };
  std::thread outside(send);
  rt.at(0).post(send);
  rt.at(1).post(send);
  outside.join();
  REQUIRE(notes.complete.get_future().wait_for(20s) == std::future_status::ready);
  rt.stop();
  for (auto t : notes.threads) CHECK(t == home_thread);
}

TEST_CASE("messages of one sender to another loop arrive in order") {
  runtime rt(2);
  listener_actor::notes notes;
  notes.wanted = 5000;
  auto actor = spawn_on<listener_actor>(rt.at(1), notes);
  rt.start();
  rt.at(0).post([&] {
    for (int i = 0; i < 5000; ++i) caf::anon_send(actor, say{i});
  });
  REQUIRE(notes.complete.get_future().wait_for(20s) == std::future_status::ready);
  rt.stop();
  for (int i = 0; i < 5000; ++i) REQUIRE(notes.numbers[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("an actor that throws is ended and told so; the loop goes on") {
  runtime rt(1);
  listener_actor::notes notes, other;
  auto bad = spawn_on<listener_actor>(rt.at(0), notes);
  auto good = spawn_on<listener_actor>(rt.at(0), other);
  other.wanted = 1;
  caf::anon_send(bad, blunder{});
  caf::anon_send(good, say{7});
  for (int i = 0; i < 5; ++i) rt.at(0).turn(false);
  CHECK(notes.ended);
  CHECK(notes.ended_by_failure);
  CHECK(other.numbers == std::vector<int>{7});
  CHECK_FALSE(other.ended);
  caf::anon_send_exit(good, caf::exit_reason::user_shutdown);
  rt.at(0).turn(false);
}

TEST_CASE("a turn flushes once, after everything that was ready") {
  runtime rt(1);
  auto& loop = rt.at(0);
  std::vector<std::string> order;
  loop.at_turn_end([&] { order.emplace_back("flush"); });
  loop.post([&] {
    order.emplace_back("posted");
    loop.defer([&] { order.emplace_back("deferred"); });
    loop.post([&] { order.emplace_back("posted later"); });
  });
  loop.turn(false);
  REQUIRE(order.size() == 4);
  CHECK(order.front() == "posted");
  CHECK(order.back() == "flush");
}

TEST_CASE("a turn flushes in time, however much there is to do") {
  runtime rt(1);
  auto& loop = rt.at(0);
  int flushes = 0, done = 0;
  loop.at_turn_end([&] { ++flushes; });
  std::function<void()> work = [&] {
    std::this_thread::sleep_for(1ms); // stands for a round's work
    if (++done < 60) loop.defer([&] { work(); });
  };
  loop.defer([&] { work(); });
  while (done < 60) loop.turn(true); // it doesn't sleep while something is left
  CHECK(flushes > 3);
}

TEST_CASE("what can wait is done in slices behind each flush, in order, and the loop doesn't sleep before it is") {
  runtime rt(1);
  auto& loop = rt.at(0);
  int flushes = 0;
  std::vector<int> done, flushed_before;
  loop.at_turn_end([&] { ++flushes; });
  for (int i = 0; i < 10; ++i)
    loop.patiently([&, i] {
      std::this_thread::sleep_for(1ms); // a slice's worth
      done.push_back(i);
      flushed_before.push_back(flushes);
    });
  while (done.size() < 10) loop.turn(true);
  for (int i = 0; i < 10; ++i) {
    CHECK(done[static_cast<std::size_t>(i)] == i);
    CHECK(flushed_before[static_cast<std::size_t>(i)] == 2 * i + 1);
  }
}

TEST_CASE("what patient work has to write is flushed in the same turn: nothing may wake the loop for it") {
  runtime rt(1);
  auto& loop = rt.at(0);
  bool dirty = false;
  int written = 0;
  loop.at_turn_end([&] { written += std::exchange(dirty, false) ? 1 : 0; });
  loop.patiently([&] { dirty = true; });
  loop.turn(false);
  CHECK(written == 1);
}

TEST_CASE("a task that throws is counted and costs nobody else anything") {
  runtime rt(1);
  bool after = false;
  rt.at(0).post([] { throw std::runtime_error("on purpose"); });
  rt.at(0).post([&] { after = true; });
  rt.at(0).turn(false);
  CHECK(after);
}

TEST_CASE("on_each runs on every loop, then answers the loop that asked") {
  runtime rt(3);
  rt.start();
  std::promise<std::pair<int, unsigned>> answer;
  std::atomic<int> visits{0};
  rt.at(2).post([&] {
    rt.on_each([&](loop& l) { visits += l.here() ? 1 : 100; },
               [&] {
                 answer.set_value({visits.load(), loop::current()->index()});
               });
  });
  auto got = answer.get_future();
  REQUIRE(got.wait_for(20s) == std::future_status::ready);
  auto [count, index] = got.get();
  CHECK(count == 3);
  CHECK(index == 2);
  rt.stop();
}

TEST_CASE("counters add up over threads and are rendered as Prometheus text") {
  static const metrics::counter things{"test_things_total", "Things.", "kind", {"good", "bad"}};
  static const metrics::gauge level{"test_level", "A level."};
  static const metrics::histogram sizes{"test_sizes", "Sizes.", {1, 10}};
  std::thread other([] {
    things.add(2, 1);
    level.add(5);
  });
  other.join();
  things.add(3, 1);
  level.add(-2);
  sizes.observe(0.5);
  sizes.observe(5);
  sizes.observe(50);
  CHECK(things.value(1) == 5);
  CHECK(level.value() == 3);
  auto text = metrics::render({{"test_extra", "Asked for.", 1.5, false}});
  for (auto* line :
       {"test_things_total{kind=\"good\"} 0", "test_things_total{kind=\"bad\"} 5", "test_level 3",
        "test_sizes_bucket{le=\"1\"} 1", "test_sizes_bucket{le=\"10\"} 2", "test_sizes_bucket{le=\"+Inf\"} 3",
        "test_sizes_count 3", "test_sizes_sum 55.5", "test_extra 1.5"}) {
    INFO(line);
    CHECK(text.find(line) != std::string::npos);
  }
}

TEST_CASE("the first thing that wakes a loop sees the present time, however long it slept") {
  runtime rt(1);
  rt.start();
  std::promise<void> first;
  rt.at(0).post([&] { first.set_value(); });
  first.get_future().wait();
  auto before = std::chrono::steady_clock::now() + 50ms;
  while (std::chrono::steady_clock::now() < before) std::this_thread::yield(); // the loop sleeps meanwhile
  std::promise<loop::clock::time_point> seen;
  rt.at(0).post([&] { seen.set_value(rt.at(0).now()); });
  CHECK(seen.get_future().get() >= before);
  rt.stop();
}
