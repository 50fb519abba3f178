#include "actors/connection/rate_gate.hpp"

#include <doctest/doctest.h>

using plexus::connection::rate_gate;
using namespace std::chrono_literals;
using verdict = rate_gate::verdict;

namespace {

const plexus::runtime::token_bucket::time_point start{1h};

plexus::config::rate_section rates(double commands, double bytes, double burst) {
  return {commands, bytes, burst};
}

} // namespace

TEST_CASE("a burst of commands passes, then ten are refused, then it is over") {
  rate_gate gate;
  const auto limits = rates(20, 0, 5);
  for (int i = 0; i < 5; ++i) CHECK(gate.judge(limits, 10, start) == verdict::pass);
  for (int i = 0; i < 10; ++i) CHECK(gate.judge(limits, 10, start) == verdict::too_many_commands);
  CHECK(gate.judge(limits, 10, start) == verdict::give_up);
}

TEST_CASE("a client that slows down is forgiven") {
  rate_gate gate;
  const auto limits = rates(10, 0, 1);
  auto now = start;
  for (int round = 0; round < 5; ++round) {
    CHECK(gate.judge(limits, 10, now) == verdict::pass);
    for (int i = 0; i < 10; ++i) CHECK(gate.judge(limits, 10, now) == verdict::too_many_commands);
    now += 100ms;
  }
}

TEST_CASE("without a burst one second's worth may come at once") {
  rate_gate gate;
  const auto limits = rates(3, 0, 0);
  for (int i = 0; i < 3; ++i) CHECK(gate.judge(limits, 10, start) == verdict::pass);
  CHECK(gate.judge(limits, 10, start) == verdict::too_many_commands);
}

TEST_CASE("bytes are counted beside commands, and one large command passes") {
  rate_gate gate;
  const auto limits = rates(0, 1000, 0);
  CHECK(gate.judge(limits, 60'000, start) == verdict::pass);
  CHECK(gate.judge(limits, 10, start) == verdict::too_many_bytes);
  CHECK(gate.judge(limits, 10, start + 60s) == verdict::pass);
}

TEST_CASE("it is needed only where a rate is set") {
  CHECK_FALSE(rate_gate::needed(rates(0, 0, 5)));
  CHECK(rate_gate::needed(rates(1, 0, 0)));
  CHECK(rate_gate::needed(rates(0, 1, 0)));
}
