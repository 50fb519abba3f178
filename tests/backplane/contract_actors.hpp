#pragma once
// The contract's part about what is kept of channel actors, and who may write it.

#include "tests/backplane/contract_fixture.hpp"

#include <algorithm>

namespace plexus::backplane::contract {

inline actor_claim claim(fixture& f, std::size_t node, const std::string& channel, const std::string& holder,
                         milliseconds ttl) {
  return ask_well<actor_claim>(
      f, [&](answer<actor_claim> done) { f.node(node).claim_actor(channel, holder, ttl, std::move(done)); });
}
inline actor_written write(fixture& f, std::size_t node, const std::string& channel, const retention& keep,
                           const actor_write& what) {
  return ask_well<actor_written>(
      f, [&](answer<actor_written> done) { f.node(node).write_actor(channel, keep, what, std::move(done)); });
}
inline std::vector<std::string> abandoned(fixture& f, std::size_t node) {
  auto all = ask_well<std::vector<std::string>>(
      f, [&](answer<std::vector<std::string>> done) { f.node(node).abandoned_actors(100, std::move(done)); });
  std::sort(all.begin(), all.end());
  return all;
}

inline void actors(fixture& f) {
  using mode = actor_write::mode;
  const auto ttl = 6 * f.unit();
  const std::string name = "game:a";
  const auto write_of = [&](const actor_claim& by, std::uint64_t sequence, mode how, std::string facts) {
    actor_write w;
    w.holder = by.right.holder;
    w.token = by.right.token;
    w.sequence = sequence;
    w.how = how;
    w.facts = std::move(facts);
    w.ttl = ttl;
    w.life = std::chrono::hours{1};
    return w;
  };
  const auto first = claim(f, 0, name, "one", ttl);
  REQUIRE(first.right.granted);
  CHECK(first.sequence == 0);
  CHECK(first.snapshot.empty());
  CHECK(first.log.empty());

  SUBCASE("what the owner writes, the next one reads: the snapshot, then the log in order") {
    CHECK_FALSE(write(f, 0, name, no_log, write_of(first, 1, mode::snapshot, "s")).refused);
    CHECK_FALSE(write(f, 0, name, no_log, write_of(first, 2, mode::add, std::string("a\0b", 3))).refused);
    auto last = write_of(first, 3, mode::add, "c");
    last.release = true;
    CHECK_FALSE(write(f, 0, name, no_log, last).refused);
    const auto next = claim(f, 1, name, "two", ttl);
    REQUIRE(next.right.granted);
    CHECK(next.right.token > first.right.token);
    CHECK(next.sequence == 3);
    CHECK(next.snapshot == "s");
    CHECK(next.log == std::vector<std::string>{std::string("a\0b", 3), "c"});
    CHECK_FALSE(write(f, 1, name, no_log, write_of(next, 4, mode::snapshot, "t")).refused);
    const auto again = claim(f, 1, name, "two", ttl);
    CHECK(again.right.token == next.right.token);
    CHECK(again.snapshot == "t");
    CHECK(again.log.empty());
  }

  SUBCASE("somebody else is told who has it") {
    const auto other = claim(f, 1, name, "two", ttl);
    CHECK_FALSE(other.right.granted);
    CHECK(other.right.holder == "one");
  }

  SUBCASE("a stale owner's write is refused, all of it, whoever has the lease now") {
    subscribe(f, 2, name, long_log);
    CHECK_FALSE(write(f, 0, name, long_log, write_of(first, 1, mode::add, "mine")).refused);
    f.advance(8 * f.unit());
    auto stale = write_of(first, 2, mode::add, "stale");
    stale.publications.push_back(said("stale"));
    CHECK(write(f, 0, name, long_log, stale).refused); // nobody has it
    const auto next = claim(f, 1, name, "two", 100 * ttl);
    REQUIRE(next.right.granted);
    CHECK(write(f, 0, name, long_log, stale).refused);
    stale.holder = "two";
    CHECK(write(f, 0, name, long_log, stale).refused); // nor with the old token
    auto renewal = write_of(first, 0, mode::nothing, {});
    CHECK(write(f, 0, name, long_log, renewal).refused);
    CHECK(next.log == std::vector<std::string>{"mine"});
    CHECK(claim(f, 1, name, "two", ttl).log == next.log);
    CHECK(f.at(2).publications[name].empty());
    CHECK(history(f, 1, name, long_log)->top.offset == 0);
  }

  SUBCASE("a write out of turn is refused") {
    CHECK(write(f, 0, name, no_log, write_of(first, 2, mode::add, "x")).refused);
    CHECK_FALSE(write(f, 0, name, no_log, write_of(first, 1, mode::add, "x")).refused);
    CHECK(write(f, 0, name, no_log, write_of(first, 1, mode::add, "x")).refused);
    CHECK(claim(f, 0, name, "one", ttl).log.size() == 1);
  }

  SUBCASE("publications of a write reach all who occupy the channel, the writer's node before the answer") {
    subscribe(f, 0, name, long_log);
    subscribe(f, 1, name, long_log);
    auto w = write_of(first, 1, mode::add, "x");
    w.publications = {said("1"), said("2")};
    std::size_t heard_at_answer = 0;
    actor_written got;
    f.node(0).write_actor(name, long_log, w, [&](outcome<actor_written> how) {
      REQUIRE(how.ok());
      got = *how;
      heard_at_answer = f.at(0).publications[name].size();
    });
    f.settle();
    CHECK(heard_at_answer == 2);
    REQUIRE(got.at.size() == 2);
    CHECK(got.at[0].offset == 1);
    CHECK(got.at[1].offset == 2);
    CHECK(text(f.at(0).publications[name]) == "1:1 2:2");
    CHECK(text(f.at(1).publications[name]) == "1:1 2:2");
    CHECK(append(f, 1, name, long_log, said("3")).at.offset == 3);
    CHECK(text(f.at(0).publications[name]) == "1:1 2:2 3:3");
  }

  SUBCASE("without a log, and with a key") {
    subscribe(f, 1, name, no_log);
    auto w = write_of(first, 0, mode::nothing, {});
    w.publications = {said("1")};
    const auto got = write(f, 0, name, no_log, w);
    CHECK_FALSE(got.refused);
    CHECK(got.at == std::vector<position>{position{}});
    CHECK(text(f.at(1).publications[name]) == "0:1");
    w.publications = {said("2", "key"), said("3", "key")};
    CHECK(write(f, 0, name, no_log, w).at.size() == 2);
    CHECK(text(f.at(1).publications[name]) == "0:1 0:2");
  }

  SUBCASE("what was left behind is found by all until somebody has it; what was given back isn't") {
    CHECK_FALSE(write(f, 0, name, no_log, write_of(first, 1, mode::add, "x")).refused);
    const auto other = claim(f, 0, "game:b", "one", ttl);
    auto back = write_of(other, 1, mode::add, "y");
    back.release = true;
    CHECK_FALSE(write(f, 0, "game:b", no_log, back).refused);
    claim(f, 0, "game:empty", "one", ttl);
    CHECK(abandoned(f, 1).empty());
    f.advance(8 * f.unit());
    CHECK(abandoned(f, 1) == std::vector<std::string>{name});
    CHECK(abandoned(f, 2) == std::vector<std::string>{name});
    claim(f, 2, name, "three", ttl);
    CHECK(abandoned(f, 1).empty());
  }

  SUBCASE("given back but wanted it counts as left behind, at once or after its time, and doesn't go") {
    CHECK_FALSE(write(f, 0, name, no_log, write_of(first, 1, mode::add, "x")).refused);
    const auto other = claim(f, 0, "game:b", "one", ttl);
    CHECK_FALSE(write(f, 0, "game:b", no_log, write_of(other, 1, mode::add, "y")).refused);
    auto back = write_of(first, 0, mode::nothing, {});
    back.release = true;
    back.wanted = milliseconds{0};
    back.life = f.unit();
    CHECK_FALSE(write(f, 0, name, no_log, back).refused);
    auto later = write_of(other, 0, mode::nothing, {});
    later.release = true;
    later.wanted = 4 * f.unit();
    CHECK_FALSE(write(f, 0, "game:b", no_log, later).refused);
    CHECK(abandoned(f, 1) == std::vector<std::string>{name});
    f.advance(8 * f.unit());
    CHECK(abandoned(f, 1) == std::vector<std::string>{name, "game:b"});
    const auto next = claim(f, 2, name, "three", ttl);
    REQUIRE(next.right.granted);
    CHECK(next.log == std::vector<std::string>{"x"});
    CHECK(abandoned(f, 1) == std::vector<std::string>{"game:b"});
    auto over = write_of(next, 2, mode::add, "z");
    over.release = true;
    CHECK_FALSE(write(f, 2, name, no_log, over).refused);
    CHECK(abandoned(f, 1) == std::vector<std::string>{"game:b"});
  }

  SUBCASE("each write renews the lease") {
    for (std::uint64_t i = 1; i <= 3; ++i) {
      f.advance(4 * f.unit());
      CHECK_FALSE(write(f, 0, name, no_log, write_of(first, i, mode::add, "x")).refused);
      CHECK_FALSE(claim(f, 1, name, "two", ttl).right.granted);
    }
  }

  SUBCASE("dropped, nothing is kept") {
    CHECK_FALSE(write(f, 0, name, no_log, write_of(first, 1, mode::add, "x")).refused);
    auto drop = write_of(first, 2, mode::drop, {});
    drop.release = true;
    CHECK_FALSE(write(f, 0, name, no_log, drop).refused);
    const auto next = claim(f, 1, name, "two", ttl);
    CHECK(next.right.granted);
    CHECK(next.sequence == 0);
    CHECK(next.log.empty());
  }

  SUBCASE("what nobody uses goes after its life") {
    auto w = write_of(first, 1, mode::snapshot, "x");
    w.release = true;
    w.life = 4 * f.unit();
    CHECK_FALSE(write(f, 0, name, no_log, w).refused);
    f.advance(8 * f.unit());
    const auto next = claim(f, 1, name, "two", ttl);
    CHECK(next.sequence == 0);
    CHECK(next.snapshot.empty());
  }
}

} // namespace plexus::backplane::contract
