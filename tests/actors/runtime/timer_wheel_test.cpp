#include "actors/runtime/timer_wheel.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <vector>

using namespace plexus::runtime;
using namespace std::chrono_literals;

namespace {

struct probe final : timer {
  void expired() override {
    ++fired;
    if (then) then();
  }
  int fired = 0;
  std::function<void()> then;
};

const auto start = timer_wheel::clock::time_point{} + 1h;

} // namespace

TEST_CASE("a timer fires once, not early and at most a tick late") {
  timer_wheel wheel(start);
  probe p;
  wheel.arm(p, start + 105ms);
  wheel.advance(start + 104ms);
  CHECK(p.fired == 0);
  wheel.advance(start + 105ms + timer_wheel::tick);
  CHECK(p.fired == 1);
  CHECK_FALSE(p.armed());
  wheel.advance(start + 10s);
  CHECK(p.fired == 1);
  CHECK(wheel.idle());
}

TEST_CASE("a timer further out than a round of the wheel waits for its own round") {
  timer_wheel wheel(start);
  probe p;
  wheel.arm(p, start + 10min);
  for (auto t = start; t < start + 10min; t += 7s) wheel.advance(t);
  CHECK(p.fired == 0);
  wheel.advance(start + 10min + timer_wheel::tick);
  CHECK(p.fired == 1);
}

TEST_CASE("a timer in the past fires with the next tick") {
  timer_wheel wheel(start);
  probe p;
  wheel.advance(start + 1s);
  wheel.arm(p, start);
  wheel.advance(start + 1s);
  CHECK(p.fired == 0);
  wheel.advance(start + 1s + 2 * timer_wheel::tick);
  CHECK(p.fired == 1);
}

TEST_CASE("disarming and destroying a timer takes it out") {
  timer_wheel wheel(start);
  probe p;
  auto gone = std::make_unique<probe>();
  wheel.arm(p, start + 50ms);
  wheel.arm(*gone, start + 50ms);
  CHECK(wheel.armed() == 2);
  p.disarm();
  gone.reset();
  CHECK(wheel.idle());
  wheel.advance(start + 1s);
  CHECK(p.fired == 0);
}

TEST_CASE("a handler may re-arm itself and disarm or destroy its neighbours") {
  timer_wheel wheel(start);
  probe first, second;
  auto third = std::make_unique<probe>();
  int left = 3;
  first.then = [&] {
    second.disarm();
    third.reset();
    if (--left > 0) wheel.arm(first, start + 1s * (4 - left));
  };
  wheel.arm(first, start + 20ms);
  wheel.arm(second, start + 20ms);
  wheel.arm(*third, start + 20ms);
  wheel.advance(start + 10s);
  CHECK(first.fired == 3);
  CHECK(second.fired == 0);
  CHECK(wheel.idle());
}

TEST_CASE("a handler that throws costs the others at most a tick") {
  timer_wheel wheel(start);
  probe bad, good;
  bad.then = [] { throw std::runtime_error("on purpose"); };
  wheel.arm(bad, start + 20ms);
  wheel.arm(good, start + 20ms);
  CHECK_THROWS_AS(wheel.advance(start + 20ms), std::runtime_error);
  wheel.advance(start + 60ms);
  CHECK(good.fired == 1);
  CHECK(wheel.idle());
}

TEST_CASE("the next time something may be due is known, so that nobody wakes for nothing") {
  timer_wheel wheel(start);
  CHECK(wheel.next() == timer_wheel::clock::time_point::max());
  probe soon, later, far;
  wheel.arm(far, start + 50min);
  wheel.arm(later, start + 30s);
  wheel.arm(soon, start + 190ms);
  CHECK(wheel.next() == start + 200ms);
  wheel.advance(start + 200ms);
  CHECK(soon.fired == 1);
  // A timer of another round may wake in vain, but nothing is late.
  auto now = start + 200ms;
  int woken = 0;
  while (later.fired == 0) {
    REQUIRE(wheel.next() > now);
    now = wheel.next();
    wheel.advance(now);
    ++woken;
  }
  CHECK(now == start + 30s);
  CHECK(woken <= 2);
  for (woken = 0; far.fired == 0; ++woken) {
    now = wheel.next();
    wheel.advance(now);
  }
  CHECK(now == start + 50min);
  CHECK(woken <= 75); // a round is 41 s
  CHECK(wheel.next() == timer_wheel::clock::time_point::max());
}
