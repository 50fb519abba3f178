#pragma once
// The contract of a channel's log: appending, handing on, recovery, history, expiry.

#include "tests/backplane/contract_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

namespace plexus::backplane::contract {

inline void appending(fixture& f) {
  SUBCASE("append numbers from 1 without holes, whichever node it is") {
    const auto first = append(f, 0, "c", long_log, said("a"));
    CHECK(first.at.offset == 1);
    CHECK(first.at.epoch.size() >= 8);
    CHECK_FALSE(first.duplicate);
    REQUIRE(first.publication);
    CHECK(first.publication->offset == 1);
    CHECK(first.publication->epoch == first.at.epoch);
    CHECK(first.publication->time > milliseconds{0});
    const auto second = append(f, 1, "c", long_log, said("b"));
    CHECK(second.at == position{first.at.epoch, 2});
    CHECK(second.publication->epoch.empty());
    CHECK(append(f, 0, "c", long_log, said("c")).at.offset == 3);
    CHECK(append(f, 0, "other", long_log, said("c")).at.offset == 1);
  }

  SUBCASE("a publication keeps all that its author gave it, here and elsewhere") {
    subscribe(f, 1, "c", long_log);
    auto what = said("{\"n\":1.0, \"s\":\"\xc3\xa4\\u0000\"}");
    what.tags = {{"k", "v"}, {"", ""}};
    what.info = std::make_shared<client_info>(client_info{"ann", "client", "{\"a\":1}", "{\"b\":2}"});
    const auto answer = append(f, 0, "c", long_log, what);
    REQUIRE(f.at(1).publications["c"].size() == 1);
    const auto page = history(f, 2, "c", long_log);
    REQUIRE(page);
    REQUIRE(page->publications.size() == 1);
    for (const auto& each : {answer.publication, f.at(1).publications["c"][0], page->publications[0]}) {
      CHECK(each->data == what.data);
      CHECK(each->tags == what.tags);
      REQUIRE(each->info);
      CHECK(*each->info == *what.info);
      CHECK(each->time == answer.publication->time);
      CHECK(each->epoch == answer.at.epoch);
      CHECK_FALSE(each->binary);
    }
  }

  SUBCASE("bytes that are no JSON are kept, and that they are none") {
    subscribe(f, 1, "c", long_log);
    auto what = said(std::string("\0\r\n\xff\x80 {", 7));
    what.binary = true;
    const auto answer = append(f, 0, "c", long_log, what);
    REQUIRE(f.at(1).publications["c"].size() == 1);
    const auto page = history(f, 2, "c", long_log);
    REQUIRE(page);
    REQUIRE(page->publications.size() == 1);
    for (const auto& each : {answer.publication, f.at(1).publications["c"][0], page->publications[0]}) {
      CHECK(each->data == what.data);
      CHECK(each->binary);
    }
  }

  SUBCASE("answers about a channel come in the order of the calls") {
    std::string order;
    f.node(0).subscribe("c", long_log, [&](auto) { order += "subscribe "; });
    f.node(0).append("c", long_log, said("a"), [&](auto what) { order += std::to_string(what->at.offset) + " "; });
    f.node(0).append("c", long_log, said("b"), [&](auto what) { order += std::to_string(what->at.offset) + " "; });
    f.node(0).history("c", long_log, {}, [&](auto what) { order += text(what->publications) + " "; });
    f.node(0).enter("c", {"u", "c1", "", ""}, [&](auto) { order += "enter "; });
    f.node(0).append("c", long_log, said("c"), [&](auto what) { order += std::to_string(what->at.offset) + " "; });
    f.node(0).members("c", [&](auto what) { order += std::to_string(what->members.size()); });
    CHECK(order.empty());
    f.settle();
    CHECK(order == "subscribe 1 2 1:a 2:b enter 3 1");
  }

  SUBCASE("a call without an answer still happens") {
    f.node(0).append("c", long_log, said("a"), {});
    f.settle();
    CHECK(append(f, 0, "c", long_log, said("b")).at.offset == 2);
  }

  SUBCASE("a channel without a log gives no offset and no position") {
    CHECK(subscribe(f, 1, "c", no_log) == position{});
    const auto answer = append(f, 0, "c", no_log, said("a"));
    CHECK(answer.at == position{});
    CHECK(answer.publication->offset == 0);
    CHECK(text(f.at(1).publications["c"]) == "0:a");
    CHECK_FALSE(recover(f, 1, "c", no_log, {"", 0}).recovered);
    const auto page = history(f, 1, "c", no_log);
    REQUIRE(page);
    CHECK(page->publications.empty());
    CHECK(page->top == position{});
  }

  SUBCASE("skip_history passes it on and leaves no hole") {
    subscribe(f, 1, "c", long_log);
    append(f, 0, "c", long_log, said("a"));
    auto passing = said("b");
    passing.skip_history = true;
    CHECK(append(f, 0, "c", long_log, passing).at == position{});
    CHECK(append(f, 0, "c", long_log, said("c")).at.offset == 2);
    CHECK(text(f.at(1).publications["c"]) == "1:a 0:b 2:c");
    CHECK(text(history(f, 0, "c", long_log)->publications) == "1:a 2:c");
  }
}

inline void handing_on(fixture& f) {
  SUBCASE("another node that occupies the channel gets each publication once and in order") {
    subscribe(f, 0, "c", long_log);
    subscribe(f, 1, "c", long_log);
    subscribe(f, 1, "c", long_log); // asking again is harmless
    append(f, 0, "c", long_log, said("a"));
    append(f, 2, "c", long_log, said("b"));
    append(f, 0, "c", long_log, said("c"));
    CHECK(text(f.at(1).publications["c"]) == "1:a 2:b 3:c");
    CHECK(text(f.at(0).publications["c"]) == "2:b"); // its own came with the answers
    CHECK(f.at(2).publications.empty());
  }

  SUBCASE("a node that doesn't occupy the channel gets nothing") {
    subscribe(f, 1, "other", long_log);
    append(f, 0, "c", long_log, said("a"));
    CHECK(f.at(1).publications.empty());
  }

  SUBCASE("a node that left the occupancy gets nothing more, and again after it came back") {
    subscribe(f, 1, "c", long_log);
    append(f, 0, "c", long_log, said("a"));
    unsubscribe(f, 1, "c");
    unsubscribe(f, 1, "c");
    append(f, 0, "c", long_log, said("b"));
    CHECK(text(f.at(1).publications["c"]) == "1:a");
    CHECK(subscribe(f, 1, "c", long_log).offset == 2);
    append(f, 0, "c", long_log, said("c"));
    CHECK(text(f.at(1).publications["c"]) == "1:a 3:c");
  }

  SUBCASE("everything after the position that subscribe gave arrives") {
    // Calls of two nodes mixed without letting the loops run in between: wherever the subscribe falls, what is at
    // or before its position is in the log, and what is after it is handed on.
    std::vector<position> given;
    for (int i = 0; i < 5; ++i) f.node(0).append("c", long_log, said(std::to_string(i)), {});
    f.node(1).subscribe("c", long_log, [&](auto at) { given.push_back(*at); });
    for (int i = 5; i < 10; ++i) f.node(0).append("c", long_log, said(std::to_string(i)), {});
    f.settle();
    REQUIRE(given.size() == 1);
    const auto missed = history(f, 1, "c", long_log, {.since = {}, .limit = given[0].offset, .reverse = false});
    REQUIRE(missed);
    std::string all = text(missed->publications);
    for (const auto& each : f.at(1).publications["c"])
      if (each->offset > given[0].offset) all += (all.empty() ? "" : " ") + text({each});
    CHECK(all == "1:0 2:1 3:2 4:3 5:4 6:5 7:6 8:7 9:8 10:9");
  }

  SUBCASE("appends from several threads have no holes, no duplicates, and one order for all") {
    constexpr std::uint64_t each = 300;
    for (const std::size_t node : {0U, 1U, 2U}) subscribe(f, node, "c", {2000, std::chrono::hours{1}});
    std::vector<std::vector<position>> answers(2);
    std::atomic<int> waiting{2};
    const auto run = [&](std::size_t node) {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      for (std::uint64_t i = 0; i < each; ++i) {
        f.node(node).append("c", {2000, std::chrono::hours{1}}, said(std::to_string(node)),
                            [&answers, node](auto what) { answers[node].push_back(what->at); });
      }
    };
    std::thread first(run, 0), second(run, 1);
    first.join();
    second.join();
    f.settle();

    std::set<std::uint64_t> offsets;
    for (const auto& mine : answers) {
      CHECK(mine.size() == each);
      CHECK(std::is_sorted(mine.begin(), mine.end(), [](auto& a, auto& b) { return a.offset < b.offset; }));
      for (const auto& at : mine) offsets.insert(at.offset);
    }
    CHECK(offsets.size() == 2 * each);
    CHECK(*offsets.begin() == 1);
    CHECK(*offsets.rbegin() == 2 * each);
    CHECK(f.at(0).publications["c"].size() == each);
    CHECK(f.at(1).publications["c"].size() == each);
    const auto page = history(f, 2, "c", {2000, std::chrono::hours{1}});
    REQUIRE(page);
    CHECK(text(page->publications) == text(f.at(2).publications["c"]));
    CHECK(page->publications.size() == 2 * each);
  }
}

inline void positions(fixture& f) {
  SUBCASE("an untouched channel has its epoch already and every node sees the same") {
    const auto at = subscribe(f, 0, "c", long_log);
    CHECK(at.offset == 0);
    CHECK(at.epoch.size() >= 8);
    CHECK(recover(f, 1, "c", long_log, {"", 0}).top == at);
    CHECK(history(f, 2, "c", long_log)->top == at);
    CHECK(append(f, 0, "c", long_log, said("a")).at == position{at.epoch, 1});
  }

  SUBCASE("a position first seen by looking lasts for those who come later") {
    const auto at = recover(f, 0, "c", long_log, {"", 0}).top;
    append(f, 0, "c", long_log, said("a"));
    const auto later = recover(f, 1, "c", long_log, at);
    CHECK(later.recovered);
    CHECK(text(later.publications) == "1:a");
  }

  SUBCASE("an occupied channel keeps its position without publications") {
    const retention keep{10, 2 * f.unit()};
    const auto at = subscribe(f, 0, "c", keep);
    append(f, 0, "c", keep, said("a"));
    f.advance(f.forgotten_after(keep));
    CHECK(subscribe(f, 1, "c", keep) == position{at.epoch, 1});
  }

  SUBCASE("the position lives on after the unsubscribe, for the time of the history") {
    const retention keep{10, 6 * f.unit()};
    const auto at = subscribe(f, 0, "c", keep);
    f.advance(8 * f.unit());
    unsubscribe(f, 0, "c");
    f.advance(4 * f.unit());
    CHECK(subscribe(f, 1, "c", keep) == at);
  }

  SUBCASE("a log made anew has a new epoch and starts at 1") {
    const retention keep{10, 2 * f.unit()};
    const auto first = append(f, 0, "c", keep, said("a")).at;
    f.advance(f.forgotten_after(keep));
    const auto second = append(f, 0, "c", keep, said("b"));
    CHECK(second.at.offset == 1);
    CHECK(second.at.epoch != first.epoch);
    CHECK(second.publication->epoch == second.at.epoch);
    CHECK_FALSE(recover(f, 0, "c", keep, first).recovered);
    CHECK(text(history(f, 0, "c", keep)->publications) == "1:b");
  }
}

inline void recovering(fixture& f) {
  const retention keep{5, 10 * f.unit()};
  for (const char* each : {"a", "b", "c", "d", "e", "f", "g"}) append(f, 0, "c", keep, said(each)); // 3 ... 7 kept
  const auto epoch = subscribe(f, 1, "c", keep).epoch;
  const auto check = [&](const position& since, bool recovered, const std::string& what, std::size_t max = 100) {
    const auto answer = recover(f, 1, "c", keep, since, max);
    CHECK(answer.recovered == recovered);
    CHECK(text(answer.publications) == what);
    CHECK(answer.top == position{epoch, 7});
  };
  SUBCASE("all that was missed comes, in order") {
    check({epoch, 4}, true, "5:e 6:f 7:g");
    check({epoch, 2}, true, "3:c 4:d 5:e 6:f 7:g");
    check({"", 6}, true, "7:g");
    check({epoch, 7}, true, "");
    check({epoch, 4}, true, "5:e 6:f 7:g", 3);
  }
  SUBCASE("what can't be given whole isn't given at all") {
    check({epoch, 1}, false, ""); // trimmed
    check({epoch, 0}, false, "");
    check({epoch, 8}, false, ""); // beyond the top
    check({"another", 6}, false, "");
    check({"another", 7}, false, "");
    check({epoch, 4}, false, "", 2); // more than the most
    check({epoch, 7}, true, "", 0);
  }
  SUBCASE("after the history expired only the top itself is recovered") {
    f.advance(12 * f.unit());
    check({epoch, 6}, false, "");
    check({epoch, 7}, true, "");
  }
  SUBCASE("after the history was removed only the top itself is recovered") {
    remove_history(f, 0, "c");
    check({epoch, 6}, false, "");
    check({epoch, 7}, true, "");
  }
}

inline void reading_history(fixture& f) {
  const retention keep{5, 10 * f.unit()};
  for (const char* each : {"a", "b", "c", "d", "e", "f", "g"}) append(f, 0, "c", keep, said(each)); // 3 ... 7 kept
  const auto epoch = subscribe(f, 1, "c", keep).epoch;
  const auto page = [&](std::optional<position> since, std::optional<std::size_t> limit, bool reverse = false) {
    const auto answer = history(f, 1, "c", keep, {std::move(since), limit, reverse});
    REQUIRE(answer);
    CHECK(answer->top == position{epoch, 7});
    return text(answer->publications);
  };
  SUBCASE("pages go forwards from the beginning or from a position") {
    CHECK(page({}, {}) == "3:c 4:d 5:e 6:f 7:g");
    CHECK(page({}, 2) == "3:c 4:d");
    CHECK(page({}, 100) == "3:c 4:d 5:e 6:f 7:g");
    CHECK(page(position{epoch, 4}, {}) == "5:e 6:f 7:g");
    CHECK(page(position{epoch, 4}, 1) == "5:e");
    CHECK(page(position{"", 4}, 1) == "5:e");
    CHECK(page(position{epoch, 7}, {}) == "");
    CHECK(page(position{epoch, 9}, {}) == "");
    CHECK(page(position{epoch, 0}, 2) == "3:c 4:d");
  }
  SUBCASE("pages go backwards from the end or from a position") {
    CHECK(page({}, {}, true) == "7:g 6:f 5:e 4:d 3:c");
    CHECK(page({}, 2, true) == "7:g 6:f");
    CHECK(page(position{epoch, 6}, {}, true) == "5:e 4:d 3:c");
    CHECK(page(position{epoch, 6}, 1, true) == "5:e");
    CHECK(page(position{epoch, 9}, 1, true) == "7:g");
    CHECK(page(position{epoch, 3}, {}, true) == "");
    CHECK(page(position{epoch, 0}, {}, true) == "");
  }
  SUBCASE("limit 0 gives the position alone") {
    CHECK(page({}, 0) == "");
    CHECK(page(position{epoch, 4}, 0) == "");
    CHECK(page({}, 0, true) == "");
  }
  SUBCASE("a position of another epoch is error 112") {
    for (const std::size_t limit : {0U, 5U}) {
      const auto answer = history(f, 1, "c", keep, {position{"another", 4}, limit, false});
      REQUIRE_FALSE(answer.ok());
      CHECK(answer.error() == error_code::unrecoverable_position);
    }
  }
  SUBCASE("removing it empties the log for all and keeps the position") {
    remove_history(f, 0, "c");
    CHECK(page({}, {}) == "");
    CHECK(append(f, 0, "c", keep, said("h")).at == position{epoch, 8});
    CHECK(text(history(f, 1, "c", keep)->publications) == "8:h");
  }
  SUBCASE("removing what isn't there is fine") {
    remove_history(f, 0, "unknown");
  }
  SUBCASE("its time counts from the last publication") {
    f.advance(6 * f.unit());
    append(f, 0, "c", keep, said("h"));
    f.advance(6 * f.unit());
    CHECK(text(history(f, 1, "c", keep)->publications) == "4:d 5:e 6:f 7:g 8:h");
    f.advance(6 * f.unit());
    CHECK(text(history(f, 1, "c", keep)->publications) == "");
    CHECK(append(f, 0, "c", keep, said("i")).at == position{epoch, 9});
    CHECK(text(history(f, 1, "c", keep)->publications) == "9:i");
  }
}

} // namespace plexus::backplane::contract
