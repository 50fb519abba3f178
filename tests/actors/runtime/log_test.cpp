// What is kept of the log for those who look in.

#include "actors/runtime/log.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace plexus::runtime;

namespace {

/// Slow events: kept as warnings are, but not printed.
void slow(int count) {
  for (int i = 0; i < count; ++i) log::note_slow("test", "slow", {{"n", i}});
}
std::uint64_t now() {
  return log::recent(0, 1, "trace").last;
}

} // namespace

TEST_CASE("of a level that is rare, what there is isn't hidden behind what is frequent") {
  log::error("test", "the one error");
  slow(110);
  const auto got = log::recent(0, 200, "error").lines;
  CHECK(std::count_if(got.begin(), got.end(), [](auto& l) { return l.event == "the one error"; }) == 1);
  log::warn("test", "the one warning");
  slow(20);
  CHECK(log::recent(0, 10, "slow").lines.size() == 10);
}

TEST_CASE("lines that can't be shown are counted, but not those of before one looked") {
  const auto before = now();
  slow(150);
  auto got = log::recent(before, 100, "slow");
  CHECK(got.lines.size() == 100);
  CHECK(got.dropped == 50);
  CHECK(log::recent(got.last, 100, "slow").lines.empty());
  CHECK(log::recent(got.last, 100, "slow").dropped == 0);
  CHECK(log::recent(0, 100, "slow").dropped == 0);
  slow(static_cast<int>(log::kept_lines) + 30);
  got = log::recent(before, log::kept_lines, "slow");
  CHECK(got.lines.size() == log::kept_lines);
  CHECK(got.dropped == 180);
}

TEST_CASE("lines that are kept while somebody looks push no warnings out") {
  log::keep_all_until(std::chrono::steady_clock::now() + std::chrono::minutes(1));
  log::warn("test", "grave");
  for (std::size_t i = 0; i < log::kept_lines + 10; ++i) log::info("test", "light");
  log::keep_all_until({});
  const auto got = log::recent(0, 1, "warn").lines;
  REQUIRE(got.size() == 1);
  CHECK(got[0].event == "grave");
  CHECK(log::recent(0, 10'000, "info").lines.size() > log::kept_lines);
}

TEST_CASE("who comes from a process that ran before hears of all lines of this one") {
  slow(3);
  // Numbers of other processes: of one that ran before, and of one whose clock was ahead.
  CHECK(log::recent(17, 10'000, "slow").lines.size() >= 3);
  CHECK(log::recent(now() + 1'000'000, 10'000, "slow").lines.size() >= 3);
}
