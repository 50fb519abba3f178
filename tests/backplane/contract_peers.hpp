#pragma once
// The contract's part about nodes that speak to each other.

#include "tests/backplane/contract_fixture.hpp"

#include <algorithm>

namespace plexus::backplane::contract {

using message_list = std::vector<std::pair<std::string, std::string>>;

inline void messages(fixture& f) {
  f.settle();
  const auto uid = [&f](std::size_t which) { return f.node(which).uid(); };
  const auto heard_by = [&f](std::size_t which) -> const message_list& { return f.at(which).messages; };

  SUBCASE("all that are alive are peers, whoever asks, under the name they have") {
    for (std::size_t i = 0; i < 3; ++i) {
      auto all = peers(f, i);
      REQUIRE(all.size() == 3);
      for (std::size_t other = 0; other < 3; ++other)
        CHECK(std::count(all.begin(), all.end(), peer{uid(other), "node-" + std::to_string(other)}) == 1);
    }
  }

  SUBCASE("a node that is gone is none") {
    const auto gone = uid(2);
    f.lose(2);
    const auto left = peers(f, 0);
    CHECK(left.size() == 2);
    CHECK(std::none_of(left.begin(), left.end(), [&](const peer& each) { return each.uid == gone; }));
    CHECK(send(f, 0, gone, "hello?").error() == error_code::internal);
  }

  SUBCASE("a message to one node is that one's alone") {
    CHECK(send(f, 0, uid(1), "for you").ok());
    CHECK(heard_by(0).empty());
    CHECK(heard_by(1) == message_list{{uid(0), "for you"}});
    CHECK(heard_by(2).empty());
  }

  SUBCASE("a message to all is every other one's") {
    CHECK(send(f, 1, "", "for you all").ok());
    CHECK(heard_by(0) == message_list{{uid(1), "for you all"}});
    CHECK(heard_by(1).empty());
    CHECK(heard_by(2) == message_list{{uid(1), "for you all"}});
  }

  SUBCASE("no channel has to be occupied, and no answer asked for is none given") {
    f.node(0).send("", "a", nullptr);
    f.node(0).peers(nullptr);
    f.settle();
    CHECK(heard_by(1) == message_list{{uid(0), "a"}});
  }

  SUBCASE("what one sends arrives in its order, to one and to all alike") {
    for (int i = 0; i < 300; ++i) f.node(0).send(i % 3 == 0 ? "" : uid(1), std::to_string(i), nullptr);
    f.settle();
    REQUIRE(heard_by(1).size() == 300);
    for (std::size_t i = 0; i < 300; ++i) CHECK(heard_by(1)[i].second == std::to_string(i));
    CHECK(heard_by(2).size() == 100);
  }

  SUBCASE("any byte comes through, and none") {
    const std::string odd("\0\n D\xff 7\r\n", 9);
    send(f, 0, uid(2), odd);
    send(f, 0, uid(2), "");
    CHECK(heard_by(2) == message_list{{uid(0), odd}, {uid(0), ""}});
  }

  SUBCASE("up to its bound, and not beyond") {
    CHECK(send(f, 0, uid(1), std::string(max_message, 'x')).ok());
    CHECK(send(f, 0, uid(1), std::string(max_message + 1, 'x')).error() == error_code::limit_exceeded);
    CHECK(send(f, 0, "", std::string(max_message + 1, 'x')).error() == error_code::limit_exceeded);
    REQUIRE(heard_by(1).size() == 1);
    CHECK(heard_by(1)[0].second.size() == max_message);
  }

  SUBCASE("to itself or to nobody it is refused") {
    CHECK(send(f, 0, uid(0), "me").error() == error_code::bad_request);
    CHECK(send(f, 0, "nobody", "you").error() == error_code::internal);
    for (std::size_t i = 0; i < 3; ++i) CHECK(heard_by(i).empty());
  }
}

} // namespace plexus::backplane::contract
