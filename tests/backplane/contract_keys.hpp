#pragma once
// The contract's part about idempotency keys.

#include "tests/backplane/contract_fixture.hpp"

namespace plexus::backplane::contract {

inline void idempotency(fixture& f) {
  SUBCASE("a known key returns the first position from any node and hands nothing on") {
    subscribe(f, 1, "c", long_log);
    append(f, 0, "c", long_log, said("a"));
    const auto first = append(f, 0, "c", long_log, said("b", "key"));
    append(f, 0, "c", long_log, said("c"));
    for (const std::size_t node : {0U, 1U, 2U}) {
      const auto again = append(f, node, "c", long_log, said("other", "key"));
      CHECK(again.duplicate);
      CHECK(again.at == first.at);
      CHECK(again.publication == nullptr);
    }
    CHECK(text(f.at(1).publications["c"]) == "1:a 2:b 3:c");
    CHECK(append(f, 0, "c", long_log, said("d")).at.offset == 4);
  }

  SUBCASE("the same key on another channel is another key") {
    append(f, 0, "c", long_log, said("a", "key"));
    const auto other = append(f, 0, "d", long_log, said("a", "key"));
    CHECK_FALSE(other.duplicate);
    CHECK(other.at.offset == 1);
  }

  SUBCASE("where a key's publication is, any node can ask, and nothing is written for it") {
    subscribe(f, 1, "c", long_log);
    append(f, 0, "c", long_log, said("a"));
    CHECK_FALSE(find_key(f, 0, "c", "key"));
    CHECK_FALSE(find_key(f, 0, "unheard of", "key"));
    const auto put = append(f, 0, "c", long_log, said("b", "key"));
    CHECK_FALSE(put.duplicate);
    for (const std::size_t node : {0U, 1U, 2U}) CHECK(find_key(f, node, "c", "key") == put.at);
    CHECK_FALSE(find_key(f, 0, "c", "kez"));
    append(f, 0, "d", no_log, said("c", "key", 4 * f.unit()));
    CHECK(find_key(f, 1, "d", "key") == position{});
    // Asked together with what puts it there, it is answered in its turn.
    std::optional<position> found;
    f.node(0).append("c", long_log, said("d", "next"), nullptr);
    f.node(0).find_key("c", "next", [&](auto got) { found = *got; });
    f.settle();
    REQUIRE(found);
    CHECK(found->offset == 3);
    CHECK(text(f.at(1).publications["c"]) == "1:a 2:b 3:d");
    CHECK(history(f, 0, "c", long_log)->top.offset == 3);
    f.advance(8 * f.unit());
    CHECK_FALSE(find_key(f, 0, "d", "key"));
  }

  SUBCASE("a key counts in a channel without a log too") {
    subscribe(f, 1, "c", no_log);
    append(f, 0, "c", no_log, said("a", "key"));
    const auto again = append(f, 0, "c", no_log, said("a", "key"));
    CHECK(again.duplicate);
    CHECK(again.at == position{});
    CHECK(text(f.at(1).publications["c"]) == "0:a");
  }

  SUBCASE("a key is forgotten when its time is over") {
    append(f, 0, "c", long_log, said("a", "key", 4 * f.unit()));
    f.advance(2 * f.unit());
    CHECK(append(f, 0, "c", long_log, said("a", "key", 4 * f.unit())).duplicate);
    // A repeat doesn't prolong it.
    f.advance(3 * f.unit());
    const auto later = append(f, 0, "c", long_log, said("b", "key", 4 * f.unit()));
    CHECK_FALSE(later.duplicate);
    CHECK(later.at.offset == 2);
    CHECK(append(f, 0, "c", long_log, said("b", "key", 4 * f.unit())).at.offset == 2);
  }
}

} // namespace plexus::backplane::contract
