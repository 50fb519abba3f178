#pragma once
// The contract's part about notices.

#include "tests/backplane/contract_fixture.hpp"

#include <algorithm>

namespace plexus::backplane::contract {

inline void notices(fixture& f) {
  f.settle();
  const auto soon = f.now() + 6 * f.unit();
  const auto later = f.now() + 60 * f.unit();

  SUBCASE("every node is told the whole set once at its start") {
    for (std::size_t i = 0; i < 3; ++i) {
      REQUIRE(f.at(i).all_told.size() == 1);
      CHECK(f.at(i).all_told[0].empty());
      CHECK(f.at(i).notices.empty());
    }
  }

  SUBCASE("what one puts all hear, who put it before the answer") {
    bool answered = false;
    f.node(0).put_notice({"a", 7, later}, [&](outcome<nothing> what) {
      CHECK(what.ok());
      CHECK(f.at(0).notices.size() == 1);
      answered = true;
    });
    CHECK_FALSE(answered);
    f.settle();
    CHECK(answered);
    for (std::size_t i = 0; i < 3; ++i) CHECK(f.at(i).notices == std::vector<notice>{{"a", 7, later}});
  }

  SUBCASE("no answer asked for is none given") {
    f.node(0).put_notice({"a", 7, later}, nullptr);
    f.settle();
    f.node(1).drop_notice("a", nullptr);
    f.settle();
    CHECK(f.at(2).notices == std::vector<notice>{{"a", 7, later}, {"a", 0, milliseconds{0}}});
  }

  SUBCASE("of two puts the larger value and the later end hold, in either order") {
    put_notice(f, 0, {"a", 9, soon});
    put_notice(f, 1, {"a", 5, later});
    put_notice(f, 1, {"b", 5, later});
    put_notice(f, 0, {"b", 9, soon});
    for (std::size_t i = 0; i < 3; ++i) {
      auto last = [&](const std::string& key) {
        auto found = std::find_if(f.at(i).notices.rbegin(), f.at(i).notices.rend(),
                                  [&](const notice& each) { return each.key == key; });
        REQUIRE(found != f.at(i).notices.rend());
        return *found;
      };
      CHECK(last("a") == notice{"a", 9, later});
      CHECK(last("b") == notice{"b", 9, later});
    }
  }

  SUBCASE("dropping is told with an end of 0, and only where there was one") {
    put_notice(f, 0, {"a", 1, later});
    drop_notice(f, 1, "a");
    drop_notice(f, 1, "a");
    drop_notice(f, 0, "never");
    for (std::size_t i = 0; i < 3; ++i)
      CHECK(f.at(i).notices == std::vector<notice>{{"a", 1, later}, {"a", 0, milliseconds{0}}});
  }

  SUBCASE("dropped it is forgotten: the next begins anew") {
    put_notice(f, 0, {"a", 9, later});
    drop_notice(f, 0, "a");
    put_notice(f, 0, {"a", 2, soon});
    CHECK(f.at(1).notices.back() == notice{"a", 2, soon});
  }

  SUBCASE("over it is forgotten too, and nobody is told") {
    put_notice(f, 0, {"a", 9, soon});
    f.advance(8 * f.unit());
    CHECK(f.at(1).notices.size() == 1);
    put_notice(f, 0, {"a", 2, later});
    CHECK(f.at(1).notices.back() == notice{"a", 2, later});
  }

  SUBCASE("one that is over already changes nothing") {
    CHECK(put_notice(f, 0, {"a", 9, f.now() - f.unit()}).ok());
    CHECK(f.at(0).notices.empty());
    put_notice(f, 0, {"b", 1, later});
    CHECK(put_notice(f, 0, {"b", 9, f.now() - f.unit()}).ok());
    CHECK(f.at(1).notices.back() == notice{"b", 1, later});
  }

  SUBCASE("a key that is empty or too long is refused") {
    CHECK(put_notice(f, 0, {"", 1, later}).error() == error_code::bad_request);
    CHECK(put_notice(f, 0, {std::string(max_notice_key + 1, 'k'), 1, later}).error() == error_code::bad_request);
    CHECK(put_notice(f, 0, {std::string(max_notice_key, 'k'), 1, later}).ok());
    CHECK(f.at(1).notices.size() == 1);
  }

  SUBCASE("any byte may be in a key, and the largest value comes through") {
    const notice odd{std::string("u:\0 \n{}\xff%", 9), std::int64_t{1} << 53, later};
    CHECK(put_notice(f, 0, odd).ok());
    CHECK(f.at(2).notices == std::vector<notice>{odd});
  }

  SUBCASE("a node that is lost takes no notice along") {
    put_notice(f, 0, {"a", 1, later});
    f.lose(0);
    put_notice(f, 1, {"b", 1, later});
    CHECK(f.at(2).notices == std::vector<notice>{{"a", 1, later}, {"b", 1, later}});
  }
}

} // namespace plexus::backplane::contract
