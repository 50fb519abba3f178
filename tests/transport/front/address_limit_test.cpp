#include "transport/front/address_limit.hpp"

#include <doctest/doctest.h>

using namespace plexus;
using namespace std::chrono_literals;
using transport::front::address_limit;

namespace {

const address_limit::time_point start{1000h};

config::ip_address address(const char* text) {
  return *config::parse_address(text);
}

config::ip_address numbered(unsigned n) {
  const std::uint8_t four[4] = {static_cast<std::uint8_t>(n >> 24), static_cast<std::uint8_t>(n >> 16),
                                static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
  return config::from_v4(four);
}

int allowed(address_limit& limit, const char* who, double rate, address_limit::time_point now, int tries = 100) {
  int out = 0;
  for (int i = 0; i < tries; ++i) out += limit.take(address(who), rate, now).allowed;
  return out;
}

} // namespace

TEST_CASE("a second's worth at once, then as they come") {
  address_limit limit;
  CHECK(allowed(limit, "192.0.2.1", 5, start) == 5);
  CHECK(allowed(limit, "192.0.2.1", 5, start + 199ms) == 0);
  CHECK(allowed(limit, "192.0.2.1", 5, start + 201ms) == 1);
  CHECK(allowed(limit, "192.0.2.1", 5, start + 605ms) == 2);
  CHECK(allowed(limit, "192.0.2.1", 5, start + 1h) == 5);
}

TEST_CASE("one in many seconds") {
  address_limit limit;
  CHECK(allowed(limit, "192.0.2.1", 0.1, start) == 1);
  auto refused = limit.take(address("192.0.2.1"), 0.1, start + 3s);
  CHECK(!refused.allowed);
  CHECK(refused.retry_after == 7s);
  CHECK(allowed(limit, "192.0.2.1", 0.1, start + 9900ms) == 0);
  CHECK(allowed(limit, "192.0.2.1", 0.1, start + 10100ms) == 1);
}

TEST_CASE("it is told when to come again, in whole seconds from 1 on") {
  address_limit limit;
  CHECK(limit.take(address("192.0.2.1"), 1, start).allowed);
  CHECK(limit.take(address("192.0.2.1"), 1, start + 10ms).retry_after == 1s);
  CHECK(limit.take(address("192.0.2.2"), 1e-9, start).allowed);
  CHECK(limit.take(address("192.0.2.2"), 1e-9, start).retry_after == 1h);
}

TEST_CASE("each address has its own, an IPv6 one its /64") {
  address_limit limit;
  CHECK(allowed(limit, "192.0.2.1", 3, start) == 3);
  CHECK(allowed(limit, "192.0.2.2", 3, start) == 3);
  CHECK(allowed(limit, "::ffff:192.0.2.2", 3, start) == 0);
  CHECK(allowed(limit, "2001:db8:0:1::1", 3, start) == 3);
  CHECK(allowed(limit, "2001:db8:0:1:ffff::2", 3, start) == 0);
  CHECK(allowed(limit, "2001:db8:0:2::1", 3, start) == 3);
}

TEST_CASE("without a rate there is no limit and nothing is remembered") {
  address_limit limit;
  CHECK(allowed(limit, "192.0.2.1", 0, start) == 100);
  CHECK(limit.remembered() == 0);
}

TEST_CASE("a rate that changed counts from then on") {
  address_limit limit;
  CHECK(allowed(limit, "192.0.2.1", 50, start) == 50);
  CHECK(allowed(limit, "192.0.2.1", 2, start + 10s) == 2);
}

TEST_CASE("who steadily comes too often stays limited over the generations") {
  address_limit limit;
  int passed = 0;
  for (int i = 0; i < 6000; ++i)
    passed += limit.take(address("192.0.2.1"), 2, start + i * 10ms).allowed; // a minute
  CHECK(passed >= 120);
  CHECK(passed <= 122);
}

TEST_CASE("idle addresses are forgotten") {
  address_limit limit;
  for (unsigned i = 0; i < 10'000; ++i) limit.take(numbered(i), 10, start);
  CHECK(limit.remembered() == 10'000);
  limit.take(numbered(1 << 20), 10, start + 1100ms);
  limit.take(numbered(1 << 20), 10, start + 2200ms);
  CHECK(limit.remembered() == 1);
}

TEST_CASE("memory is bounded however many addresses come at once") {
  address_limit limit;
  for (unsigned i = 0; i < 300'000; ++i) {
    limit.take(numbered(i), 10, start);
    if (i % 1000 == 0) CHECK(limit.remembered() <= address_limit::max_addresses);
  }
  CHECK(limit.remembered() <= address_limit::max_addresses);
}
