#include "backplane/memory_log.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace plexus::backplane;
using namespace std::chrono_literals;

namespace {

const retention ten{10, 1000ms};

draft said(const std::string& data) {
  draft what;
  what.data = data;
  return what;
}

draft keyed(const std::string& data, const std::string& key, milliseconds ttl = 500ms) {
  auto what = said(data);
  what.idempotency_key = key;
  what.idempotency_ttl = ttl;
  return what;
}

void fill(memory_log& log, std::uint64_t count, const retention& keep = ten, milliseconds now = 0ms) {
  for (std::uint64_t i = 0; i < count; ++i) log.append(said(std::to_string(log.top().offset + 1)), keep, now);
}

std::string offsets(const std::vector<publication_ptr>& publications) {
  std::string all;
  for (const auto& each : publications) {
    CHECK(each->data == std::to_string(each->offset));
    all += (all.empty() ? "" : " ") + std::to_string(each->offset);
  }
  return all;
}

std::string page(memory_log& log, const log_query& what, milliseconds now = 0ms) {
  const auto answer = log.history(what, now);
  if (!answer) return "error " + std::to_string(static_cast<int>(answer.error()));
  CHECK(answer->top == log.top());
  return offsets(answer->publications);
}

/// What a recovery said: the offsets, or "no".
std::string recovered(memory_log& log, const position& since, milliseconds now = 0ms, std::size_t max = 100) {
  const auto answer = log.recover(since, max, now);
  CHECK(answer.top == log.top());
  if (!answer.recovered) {
    CHECK(answer.publications.empty());
    return "no";
  }
  return offsets(answer.publications);
}

} // namespace

TEST_CASE("an epoch is eight letters and new each time") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto epoch = make_epoch();
    CHECK(epoch.size() == 8);
    for (const char c : epoch) CHECK(((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')));
    seen.insert(epoch);
  }
  CHECK(seen.size() == 1000);
}

TEST_CASE("an untouched log is at offset 0 and keeps the epoch it showed") {
  memory_log log;
  const auto first = log.top();
  CHECK(first.offset == 0);
  CHECK(first.epoch.size() == 8);
  fill(log, 1);
  CHECK(log.top() == position{first.epoch, 1});
}

TEST_CASE("appending numbers from 1, stamps the time and names the epoch once") {
  memory_log log("Epoch");
  auto what = said("{\"a\":1}");
  what.tags = {{"k", "v"}};
  what.info = std::make_shared<plexus::protocol::client_info>(plexus::protocol::client_info{"u", "c", "", ""});
  const auto first = log.append(what, ten, 77ms);
  CHECK(first.at == position{"Epoch", 1});
  CHECK_FALSE(first.duplicate);
  REQUIRE(first.publication);
  CHECK(first.publication->offset == 1);
  CHECK(first.publication->epoch == "Epoch");
  CHECK(first.publication->data == "{\"a\":1}");
  CHECK(first.publication->tags == what.tags);
  CHECK(first.publication->info == what.info);
  CHECK(first.publication->time == 77ms);
  const auto second = log.append(said("2"), ten, 78ms);
  CHECK(second.at == position{"Epoch", 2});
  CHECK(second.publication->epoch.empty());
  CHECK(second.publication->time == 78ms);
}

TEST_CASE("what isn't logged has no offset and leaves no hole") {
  memory_log log("E");
  fill(log, 1);
  auto passing = said("x");
  passing.skip_history = true;
  const auto skipped = log.append(passing, ten, 0ms);
  CHECK(skipped.at == position{});
  CHECK(skipped.publication->offset == 0);
  CHECK(skipped.publication->epoch.empty());
  CHECK(log.append(said("x"), retention{}, 0ms).at == position{});
  CHECK(log.append(said("x"), retention{5, 0ms}, 0ms).at == position{});
  fill(log, 1);
  CHECK(page(log, {}) == "1 2");
}

TEST_CASE("a log keeps its last entries") {
  memory_log log("E");
  fill(log, 3, {3, 1s});
  CHECK(page(log, {}) == "1 2 3");
  fill(log, 1, {3, 1s});
  CHECK(page(log, {}) == "2 3 4");
  fill(log, 96, {3, 1s});
  CHECK(page(log, {}) == "98 99 100");
}

TEST_CASE("a smaller size holds from the next append on") {
  memory_log log("E");
  fill(log, 8);
  fill(log, 1, {2, 1s});
  CHECK(page(log, {}) == "8 9");
  fill(log, 1, {1, 1s});
  CHECK(page(log, {}) == "10");
}

TEST_CASE("the whole history goes when the last publication is old enough") {
  memory_log log("E");
  fill(log, 1, ten, 0ms);
  fill(log, 1, ten, 900ms);
  CHECK(page(log, {}, 1899ms) == "1 2");
  CHECK(page(log, {}, 1900ms) == "");
  CHECK(log.top() == position{"E", 2});
}

TEST_CASE("an append after the expiry doesn't bring the old entries back") {
  memory_log log("E");
  fill(log, 2, ten, 0ms);
  fill(log, 1, ten, 1000ms);
  CHECK(page(log, {}, 1000ms) == "3");
}

TEST_CASE("a clock that goes back expires nothing") {
  memory_log log("E");
  fill(log, 2, ten, 5000ms);
  CHECK(page(log, {}, 1000ms) == "1 2");
}

TEST_CASE("history is paged forwards and backwards") {
  memory_log log("E");
  fill(log, 12); // 3 ... 12 are kept
  const auto at = [](std::uint64_t offset, std::string epoch = "E") { return position{std::move(epoch), offset}; };
  CHECK(page(log, {}) == "3 4 5 6 7 8 9 10 11 12");
  CHECK(page(log, {.since = {}, .limit = 0}) == "");
  CHECK(page(log, {.since = {}, .limit = 2}) == "3 4");
  CHECK(page(log, {.since = {}, .limit = 100}) == "3 4 5 6 7 8 9 10 11 12");
  CHECK(page(log, {.since = {}, .limit = 2, .reverse = true}) == "12 11");
  CHECK(page(log, {.since = {}, .limit = {}, .reverse = true}) == "12 11 10 9 8 7 6 5 4 3");
  CHECK(page(log, {.since = at(9), .limit = {}}) == "10 11 12");
  CHECK(page(log, {.since = at(9), .limit = 1}) == "10");
  CHECK(page(log, {.since = at(9), .limit = 0}) == "");
  CHECK(page(log, {.since = at(11), .limit = {}}) == "12");
  CHECK(page(log, {.since = at(12), .limit = {}}) == "");
  CHECK(page(log, {.since = at(13), .limit = {}}) == "");
  CHECK(page(log, {.since = at(~0ULL), .limit = {}}) == "");
  CHECK(page(log, {.since = at(2), .limit = 2}) == "3 4");
  CHECK(page(log, {.since = at(0), .limit = 2}) == "3 4");
  CHECK(page(log, {.since = at(9, ""), .limit = {}}) == "10 11 12");
  CHECK(page(log, {.since = at(9), .limit = 2, .reverse = true}) == "8 7");
  CHECK(page(log, {.since = at(5), .limit = {}, .reverse = true}) == "4 3");
  CHECK(page(log, {.since = at(4), .limit = {}, .reverse = true}) == "3");
  CHECK(page(log, {.since = at(3), .limit = {}, .reverse = true}) == "");
  CHECK(page(log, {.since = at(1), .limit = {}, .reverse = true}) == "");
  CHECK(page(log, {.since = at(0), .limit = {}, .reverse = true}) == "");
  CHECK(page(log, {.since = at(12), .limit = 1, .reverse = true}) == "11");
  CHECK(page(log, {.since = at(13), .limit = 1, .reverse = true}) == "12");
  CHECK(page(log, {.since = at(~0ULL), .limit = 1, .reverse = true}) == "12");
  CHECK(page(log, {.since = at(9, "other"), .limit = {}}) == "error 112");
  CHECK(page(log, {.since = at(9, "other"), .limit = 0, .reverse = true}) == "error 112");
}

TEST_CASE("paging an empty log gives the position") {
  memory_log log("E");
  CHECK(page(log, {}) == "");
  CHECK(page(log, {.since = {}, .limit = {}, .reverse = true}) == "");
  CHECK(page(log, {.since = position{"E", 0}, .limit = {}}) == "");
  CHECK(page(log, {.since = position{"E", 1}, .limit = {}, .reverse = true}) == "");
}

TEST_CASE("recovery gives all that was missed or nothing") {
  memory_log log("E");
  fill(log, 12); // 3 ... 12 are kept
  CHECK(recovered(log, {"E", 9}) == "10 11 12");
  CHECK(recovered(log, {"E", 12}) == "");
  CHECK(recovered(log, {"", 11}) == "12");
  CHECK(recovered(log, {"E", 2}) == "3 4 5 6 7 8 9 10 11 12");
  SUBCASE("trimmed") {
    CHECK(recovered(log, {"E", 1}) == "no");
  }
  SUBCASE("trimmed, from the beginning") {
    CHECK(recovered(log, {"", 0}) == "no");
  }
  SUBCASE("beyond the top") {
    CHECK(recovered(log, {"E", 13}) == "no");
    CHECK(recovered(log, {"", ~0ULL}) == "no");
  }
  SUBCASE("another epoch") {
    CHECK(recovered(log, {"F", 11}) == "no");
    CHECK(recovered(log, {"F", 12}) == "no");
  }
  SUBCASE("more than the most") {
    CHECK(recovered(log, {"E", 9}, 0ms, 2) == "no");
    CHECK(recovered(log, {"E", 9}, 0ms, 3) == "10 11 12");
    CHECK(recovered(log, {"E", 12}, 0ms, 0) == "");
  }
  SUBCASE("expired") {
    CHECK(recovered(log, {"E", 11}, 999ms) == "12");
    CHECK(recovered(log, {"E", 11}, 1000ms) == "no");
    CHECK(recovered(log, {"E", 12}, 1000ms) == "");
  }
}

TEST_CASE("an untouched log recovers from 0") {
  memory_log log("E");
  CHECK(recovered(log, {"E", 0}) == "");
  CHECK(recovered(log, {"", 0}) == "");
  CHECK(recovered(log, {"F", 0}) == "no");
  CHECK(recovered(log, {"E", 1}) == "no");
}

TEST_CASE("removing the history keeps the position") {
  memory_log log("E");
  fill(log, 3);
  log.remove_history();
  CHECK(page(log, {}) == "");
  CHECK(log.top() == position{"E", 3});
  CHECK(recovered(log, {"E", 2}) == "no");
  CHECK(recovered(log, {"E", 3}) == "");
  fill(log, 2);
  CHECK(page(log, {}) == "4 5");
  CHECK(recovered(log, {"E", 3}) == "4 5");
}

TEST_CASE("a key gives the first one's position until its time is over") {
  memory_log log("E");
  fill(log, 1);
  CHECK(log.append(keyed("2", "k"), ten, 0ms).at.offset == 2);
  const auto again = log.append(keyed("other", "k"), ten, 499ms);
  CHECK(again.duplicate);
  CHECK(again.at == position{"E", 2});
  CHECK(again.publication == nullptr);
  CHECK(page(log, {}, 499ms) == "1 2");
  const auto later = log.append(keyed("3", "k"), ten, 500ms);
  CHECK_FALSE(later.duplicate);
  CHECK(later.at == position{"E", 3});
  // The key's first time must not end its second.
  log.expire(600ms, 100);
  CHECK(log.append(keyed("x", "k"), ten, 999ms).at.offset == 3);
  log.expire(1000ms, 100);
  CHECK(log.append(keyed("4", "k"), ten, 1000ms).at.offset == 4);
}

TEST_CASE("a key of a passing publication gives no position, and a key without a time is not remembered") {
  memory_log log("E");
  CHECK_FALSE(log.append(keyed("x", "k"), {}, 0ms).duplicate);
  const auto again = log.append(keyed("x", "k"), {}, 0ms);
  CHECK(again.duplicate);
  CHECK(again.at == position{});
  log.append(keyed("1", "other", 0ms), ten, 0ms);
  CHECK(log.append(keyed("2", "other", 0ms), ten, 0ms).at.offset == 2);
}

TEST_CASE("keys are dropped oldest first, a bounded number at once") {
  memory_log log("E");
  for (int i = 0; i < 10; ++i) log.append(keyed("x", "k" + std::to_string(i)), {}, milliseconds{i});
  CHECK(*log.next_due(false) == 500ms);
  CHECK(log.expire(504ms, 100) == 5);
  CHECK(*log.next_due(false) == 505ms);
  CHECK(log.append(keyed("x", "k5"), {}, 504ms).duplicate);
  CHECK(log.expire(600ms, 2) == 2);
  CHECK_FALSE(log.lived_out(600ms));
  CHECK(log.expire(600ms, 100) == 3);
  CHECK(log.lived_out(600ms));
  CHECK_FALSE(log.next_due(false).has_value());
}

TEST_CASE("a position lives on after the last touch, and as long as there is history") {
  memory_log log("E");
  CHECK(log.lived_out(0ms));
  log.touch(100ms, 0ms);
  CHECK_FALSE(log.lived_out(99ms));
  CHECK(log.lived_out(100ms));
  log.touch(200ms);
  CHECK_FALSE(log.lived_out(299ms));
  CHECK(*log.next_due(true) == 300ms);
  log.look(100ms, 299ms);
  CHECK(log.lived_out(300ms));
  log.look(100ms, 300ms);
  CHECK_FALSE(log.lived_out(399ms));

  fill(log, 1, ten, 400ms);
  log.touch(10ms, 400ms);
  CHECK_FALSE(log.lived_out(1399ms));
  CHECK(log.lived_out(1400ms));
  CHECK(log.expire(1399ms, 1) == 0);
  CHECK(log.expire(1400ms, 1) == 1);
}

TEST_CASE("a time-to-live of forever doesn't overflow") {
  memory_log log("E");
  fill(log, 1, {10, milliseconds::max()}, 1'700'000'000'000ms);
  CHECK(page(log, {}, 1'800'000'000'000ms) == "1");
  CHECK_FALSE(log.lived_out(1'800'000'000'000ms));
}
