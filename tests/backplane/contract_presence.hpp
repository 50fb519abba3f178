#pragma once
// The contract of presence sets and leases, and what becomes of a node that is gone.

#include "tests/backplane/contract_fixture.hpp"

#include <algorithm>

namespace plexus::backplane::contract {

inline std::string clients(presence_snapshot all) {
  std::sort(all.members.begin(), all.members.end(), [](auto& a, auto& b) { return a.client < b.client; });
  std::string names;
  for (const auto& each : all.members) names += (names.empty() ? "" : " ") + each.client;
  return names;
}

/// "joined c1@1", with versions.
inline std::string text(const std::vector<presence_change>& changes) {
  std::string all;
  for (const auto& each : changes) {
    const char* names[] = {"none ", "joined ", "updated ", "left "};
    all += (all.empty() ? "" : ", ") + (names[static_cast<int>(each.what)] + each.member.client) + "@" +
           std::to_string(each.version);
  }
  return all;
}

inline void presence(fixture& f) {
  using kind = presence_change::kind;
  const client_info ann{"ann", "c1", "{\"n\":1}", "{}"}, bob{"bob", "c2", "", ""};

  SUBCASE("entering, changing and leaving raise the version by one each") {
    const auto joined = enter(f, 0, "c", ann);
    CHECK(joined.what == kind::joined);
    CHECK(joined.member == ann);
    CHECK(joined.version == 1);
    CHECK(enter(f, 1, "c", bob).version == 2);
    auto other = ann;
    other.channel_info = "{\"typing\":true}";
    const auto updated = enter(f, 0, "c", other);
    CHECK(updated.what == kind::updated);
    CHECK(updated.member == other);
    CHECK(updated.version == 3);
    const auto left = leave(f, 0, "c", "c1");
    CHECK(left.what == kind::left);
    CHECK(left.member == other);
    CHECK(left.version == 4);
    for (const auto& each : {joined, updated, left}) CHECK(each.epoch == joined.epoch);
  }

  SUBCASE("every node sees all members with their infos") {
    enter(f, 0, "c", ann);
    enter(f, 1, "c", bob);
    enter(f, 1, "other", {"eve", "c3", "", ""});
    for (const std::size_t node : {0U, 1U, 2U}) {
      auto all = members(f, node, "c");
      CHECK(all.version == 2);
      REQUIRE(clients(all) == "c1 c2");
      CHECK(std::count(all.members.begin(), all.members.end(), ann) == 1);
      CHECK(std::count(all.members.begin(), all.members.end(), bob) == 1);
    }
  }

  SUBCASE("entering again with equal info is no change") {
    subscribe(f, 1, "c", no_log);
    enter(f, 0, "c", ann);
    const auto again = enter(f, 0, "c", ann);
    CHECK(again.what == kind::none);
    CHECK(again.version == 1);
    CHECK(text(f.at(1).changes["c"]) == "joined c1@1");
  }

  SUBCASE("a leave of somebody unknown is no change") {
    CHECK(leave(f, 0, "c", "c1").what == kind::none);
    enter(f, 0, "c", ann);
    const auto unknown = leave(f, 0, "c", "c2");
    CHECK(unknown.what == kind::none);
    CHECK(unknown.version == 1);
    CHECK(leave(f, 0, "c", "c1").what == kind::left);
    CHECK(leave(f, 0, "c", "c1").what == kind::none);
  }

  SUBCASE("another node that occupies the channel hears each change once and in order") {
    subscribe(f, 0, "c", no_log);
    subscribe(f, 1, "c", no_log);
    enter(f, 0, "c", ann);
    enter(f, 1, "c", bob);
    auto other = ann;
    other.conn_info = "";
    enter(f, 0, "c", other);
    leave(f, 0, "c", "c1");
    CHECK(text(f.at(1).changes["c"]) == "joined c1@1, updated c1@3, left c1@4");
    CHECK(text(f.at(0).changes["c"]) == "joined c2@2"); // its own came with the answers
    CHECK(f.at(2).changes.empty());
    const auto all = members(f, 1, "c");
    CHECK(f.at(1).changes["c"][1].member == other);
    CHECK(f.at(1).changes["c"][2].member == other);
    for (const auto& each : f.at(1).changes["c"]) CHECK(each.epoch == all.epoch);
  }

  SUBCASE("the version outlives the members while the channel is occupied") {
    subscribe(f, 1, "c", no_log);
    enter(f, 0, "c", ann);
    leave(f, 0, "c", "c1");
    const auto none = members(f, 1, "c");
    CHECK(none.version == 2);
    CHECK(none.members.empty());
    f.advance(5 * f.unit());
    const auto back = enter(f, 0, "c", ann);
    CHECK(back.version == 3);
    CHECK(back.epoch == none.epoch);
  }

  SUBCASE("a snapshot of an unknown channel is empty") {
    const auto none = members(f, 0, "c");
    CHECK(none.version == 0);
    CHECK(none.members.empty());
  }
}

inline void lost_nodes(fixture& f) {
  SUBCASE("the members of a lost node leave and the others hear it") {
    subscribe(f, 0, "c", no_log);
    enter(f, 0, "c", {"ann", "c1", "", ""});
    enter(f, 1, "c", {"bob", "c2", "", ""});
    f.lose(1);
    f.settle();
    CHECK(text(f.at(0).changes["c"]) == "joined c2@2, left c2@3");
    CHECK(clients(members(f, 0, "c")) == "c1");
    CHECK(members(f, 2, "c").version == 3);
  }

  SUBCASE("a lost node's log stays and the others go on") {
    subscribe(f, 1, "c", long_log);
    const auto at = append(f, 1, "c", long_log, said("a")).at;
    f.lose(1);
    CHECK(append(f, 0, "c", long_log, said("b")).at == position{at.epoch, 2});
    const auto after = recover(f, 2, "c", long_log, at);
    CHECK(after.recovered);
    CHECK(text(after.publications) == "2:b");
  }
}

inline void leases(fixture& f) {
  const auto ttl = 6 * f.unit();

  SUBCASE("one holder has it, the other is told who") {
    const auto mine = acquire(f, 0, "n", "one", ttl);
    CHECK(mine.granted);
    CHECK(mine.holder == "one");
    CHECK(mine.token > 0);
    const auto refused = acquire(f, 1, "n", "two", ttl);
    CHECK_FALSE(refused.granted);
    CHECK(refused.holder == "one");
    CHECK(refused.token == mine.token);
    CHECK(acquire(f, 1, "other", "two", ttl).granted);
  }

  SUBCASE("renewing prolongs it and keeps the token") {
    const auto mine = acquire(f, 0, "n", "one", ttl);
    f.advance(4 * f.unit());
    const auto renewed = acquire(f, 0, "n", "one", ttl);
    CHECK(renewed.granted);
    CHECK(renewed.token == mine.token);
    f.advance(4 * f.unit());
    CHECK_FALSE(acquire(f, 1, "n", "two", ttl).granted);
  }

  SUBCASE("asking in vain prolongs nothing; run out it goes to the next with a higher token") {
    const auto mine = acquire(f, 0, "n", "one", ttl);
    f.advance(4 * f.unit());
    CHECK_FALSE(acquire(f, 1, "n", "two", ttl).granted);
    f.advance(3 * f.unit());
    const auto theirs = acquire(f, 1, "n", "two", ttl);
    CHECK(theirs.granted);
    CHECK(theirs.holder == "two");
    CHECK(theirs.token > mine.token);
    CHECK(acquire(f, 0, "n", "one", ttl).holder == "two");
  }

  SUBCASE("given back it is free at once, and the token rises though the name was forgotten") {
    const auto mine = acquire(f, 0, "n", "one", ttl);
    release(f, 0, "n", "one");
    f.advance(2 * ttl);
    const auto theirs = acquire(f, 1, "n", "two", ttl);
    CHECK(theirs.granted);
    CHECK(theirs.token > mine.token);
    release(f, 1, "n", "two");
    CHECK(acquire(f, 0, "n", "one", ttl).token > theirs.token);
  }

  SUBCASE("run out and taken anew by the same holder it has a higher token") {
    const auto mine = acquire(f, 0, "n", "one", ttl);
    f.advance(8 * f.unit());
    CHECK(acquire(f, 0, "n", "one", ttl).token > mine.token);
  }

  SUBCASE("who doesn't hold it can't give it back") {
    acquire(f, 0, "n", "one", ttl);
    release(f, 1, "n", "two");
    release(f, 1, "unknown", "two");
    CHECK_FALSE(acquire(f, 1, "n", "two", ttl).granted);
  }
}

} // namespace plexus::backplane::contract
