#include "presence/member_set.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace plexus;
using presence::member_set;
using applied = member_set::applied;
using kind = backplane::presence_change::kind;

namespace {

protocol::client_info who(const std::string& client, const std::string& user, const std::string& state = "") {
  return {user, client, "", state};
}

backplane::presence_change change(kind what, const protocol::client_info& member, std::uint64_t version,
                                  const std::string& epoch = "E") {
  return {what, member, version, epoch};
}

backplane::presence_snapshot snapshot(std::uint64_t version, std::vector<protocol::client_info> members,
                                      const std::string& epoch = "E") {
  return {version, epoch, std::move(members)};
}

/// "joined c1, left c2", sorted: the set has no order.
std::string told(const std::vector<backplane::presence_change>& changes) {
  std::vector<std::string> lines;
  for (const auto& each : changes) {
    const char* what = each.what == kind::joined ? "joined " : each.what == kind::left ? "left " : "updated ";
    lines.push_back(what + each.member.client);
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const auto& line : lines) all += (all.empty() ? "" : ", ") + line;
  return all;
}

} // namespace

TEST_CASE("a fresh mirror knows nobody, and a change before the snapshot is a gap") {
  member_set set;
  CHECK_FALSE(set.known());
  CHECK(set.clients() == 0);
  CHECK(set.apply(change(kind::joined, who("c1", "u1"), 1)) == applied::gap);
  CHECK(set.clients() == 0);
}

TEST_CASE("the first snapshot is taken even when it is empty and at version 0") {
  member_set set;
  CHECK(set.reset(snapshot(0, {})).empty());
  CHECK(set.known());
  CHECK_FALSE(set.behind());
  CHECK(set.apply(change(kind::joined, who("c1", "u1"), 1)) == applied::yes);
  CHECK(set.clients() == 1);
}

TEST_CASE("the first snapshot tells of all as joined") {
  member_set set;
  const auto changes = set.reset(snapshot(4, {who("c1", "u1"), who("c2", "u2")}));
  CHECK(told(changes) == "joined c1, joined c2");
  CHECK(changes[0].version == 4);
  CHECK(changes[0].epoch == "E");
}

TEST_CASE("changes in order join, update and leave") {
  member_set set;
  set.reset(snapshot(2, {who("c1", "u1")}));
  CHECK(set.apply(change(kind::joined, who("c2", "u2"), 3)) == applied::yes);
  CHECK(set.apply(change(kind::updated, who("c2", "u2", "{\"typing\":true}"), 4)) == applied::yes);
  REQUIRE(set.find("c2"));
  CHECK(set.find("c2")->channel_info == "{\"typing\":true}");
  CHECK(set.apply(change(kind::left, who("c1", "u1"), 5)) == applied::yes);
  CHECK(set.find("c1") == nullptr);
  CHECK(set.clients() == 1);
  CHECK(set.members().begin()->client == "c2");
}

TEST_CASE("a change told twice, and one older than the mirror, change nothing") {
  member_set set;
  set.reset(snapshot(5, {who("c1", "u1")}));
  CHECK(set.apply(change(kind::left, who("c1", "u1"), 5)) == applied::old);
  CHECK(set.apply(change(kind::left, who("c1", "u1"), 1)) == applied::old);
  CHECK(set.apply(change(kind::none, {}, 5)) == applied::old);
  CHECK(set.clients() == 1);
}

TEST_CASE("a missing version is a gap that the next snapshot closes with the difference") {
  member_set set;
  set.reset(snapshot(5, {who("c1", "u1"), who("c2", "u2")}));
  CHECK(set.apply(change(kind::joined, who("c3", "u3"), 7)) == applied::gap);
  CHECK(set.find("c3") == nullptr);
  const auto changes = set.reset(snapshot(7, {who("c2", "u2", "1"), who("c3", "u3")}));
  CHECK(told(changes) == "joined c3, left c1, updated c2");
  CHECK_FALSE(set.behind());
  CHECK(set.apply(change(kind::left, who("c3", "u3"), 8)) == applied::yes);
}

TEST_CASE("an answer without a change shows that changes were missed") {
  member_set set;
  set.reset(snapshot(5, {}));
  CHECK(set.apply(change(kind::none, {}, 6)) == applied::gap);
}

TEST_CASE("a snapshot overtaken by a change is dropped") {
  member_set set;
  set.reset(snapshot(1, {who("c1", "u1")}));
  CHECK(set.apply(change(kind::joined, who("c2", "u2"), 2)) == applied::yes);
  CHECK(set.reset(snapshot(1, {who("c1", "u1")})).empty());
  CHECK(set.reset(snapshot(2, {})).empty());
  CHECK(set.clients() == 2);
}

TEST_CASE("a change newer than the snapshot on its way leaves the mirror behind until the next one") {
  member_set set;
  CHECK(set.apply(change(kind::joined, who("c2", "u2"), 6)) == applied::gap);
  set.reset(snapshot(5, {who("c1", "u1")}));
  CHECK(set.behind());
  set.reset(snapshot(6, {who("c1", "u1"), who("c2", "u2")}));
  CHECK_FALSE(set.behind());
  CHECK(set.clients() == 2);
}

TEST_CASE("a set made anew is taken though its version is lower") {
  member_set set;
  set.reset(snapshot(50, {who("c1", "u1"), who("c2", "u2")}));
  CHECK(set.apply(change(kind::joined, who("c3", "u3"), 51, "F")) == applied::gap);
  CHECK(set.apply(change(kind::joined, who("c4", "u4"), 2, "F")) == applied::gap);
  CHECK(told(set.reset(snapshot(2, {who("c2", "u2"), who("c4", "u4")}, "F"))) == "joined c4, left c1");
  CHECK_FALSE(set.behind());
  CHECK(set.apply(change(kind::left, who("c2", "u2"), 3, "F")) == applied::yes);
  CHECK(set.apply(change(kind::left, who("c4", "u4"), 4, "E")) == applied::gap);
}

TEST_CASE("users are counted once, however many clients they have") {
  member_set set;
  set.reset(snapshot(1, {who("c1", "ann"), who("c2", "ann"), who("c3", "")}));
  CHECK(set.clients() == 3);
  CHECK(set.users() == 2);
  set.apply(change(kind::joined, who("c4", ""), 2));
  CHECK(set.users() == 2);
  set.apply(change(kind::left, who("c1", "ann"), 3));
  CHECK(set.users() == 2);
  set.apply(change(kind::left, who("c2", "ann"), 4));
  CHECK(set.users() == 1);
  set.apply(change(kind::updated, who("c3", "bob"), 5));
  CHECK(set.users() == 2);
  set.apply(change(kind::updated, who("c3", "bob", "1"), 6));
  CHECK(set.users() == 2);
  set.reset(snapshot(9, {}));
  CHECK(set.users() == 0);
  CHECK(set.clients() == 0);
}

TEST_CASE("a leave of somebody unknown moves the version on") {
  member_set set;
  set.reset(snapshot(1, {who("c1", "u1")}));
  CHECK(set.apply(change(kind::left, who("c9", "u9"), 2)) == applied::yes);
  CHECK(set.clients() == 1);
  CHECK(set.users() == 1);
  CHECK(set.apply(change(kind::left, who("c1", "u1"), 3)) == applied::yes);
}

TEST_CASE("a mirror fed by any mix of changes and snapshots ends equal to the set") {
  // The set's whole past as snapshots; the mirror sees changes with losses and repeats, and snapshots that lag.
  std::uint32_t seed = 1;
  const auto random = [&seed](std::size_t below) {
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8U) % below;
  };
  for (int round = 0; round < 50; ++round) {
    std::vector<backplane::presence_snapshot> past{snapshot(0, {})};
    std::vector<backplane::presence_change> changes;
    member_set set, told_others;
    told_others.reset(snapshot(0, {}, ""));
    auto tell = [&told_others, step = std::uint64_t{0}](const backplane::presence_change& each) mutable {
      auto mine = each;
      mine.epoch.clear();
      mine.version = ++step;
      CHECK(told_others.apply(mine) == applied::yes);
    };
    for (std::uint64_t version = 1; version <= 40; ++version) {
      auto next = past.back();
      next.version = version;
      const auto member =
          who("c" + std::to_string(random(6)), "u" + std::to_string(random(3)), std::to_string(random(2)));
      const auto same = [&member](const auto& each) { return each.client == member.client; };
      const auto at = std::find_if(next.members.begin(), next.members.end(), same);
      auto what = kind::joined;
      if (at == next.members.end())
        next.members.push_back(member);
      else if (random(2) == 0)
        what = kind::left, next.members.erase(at);
      else
        what = kind::updated, *at = member;
      changes.push_back(change(what, member, version));
      past.push_back(std::move(next));

      for (auto i = random(3); i > 0; --i) {
        const auto& seen = changes[changes.size() - 1 - random(std::min<std::size_t>(3, changes.size()))];
        if (set.apply(seen) == applied::yes) tell(seen);
      }
      if (random(8) == 0) {
        for (const auto& each : set.reset(past[past.size() - 1 - random(2)])) tell(each);
      }
    }
    for (const auto& each : set.reset(past.back())) tell(each);
    CHECK(set.clients() == past.back().members.size());
    CHECK(told_others.clients() == past.back().members.size());
    CHECK(told_others.users() == set.users());
    for (const auto& each : past.back().members) {
      REQUIRE(set.find(each.client));
      CHECK(*set.find(each.client) == each);
      REQUIRE(told_others.find(each.client));
      CHECK(*told_others.find(each.client) == each);
    }
  }
}
