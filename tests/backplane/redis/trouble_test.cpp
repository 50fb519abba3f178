// What happens when Redis or its connections fail: nothing is lost in silence, nothing comes twice.

#include "tests/backplane/redis/cluster.hpp"

#include <doctest/doctest.h>

using namespace plexus::backplane;
using namespace plexus::backplane::contract;
using namespace plexus::backplane::redis::testing;

namespace {

std::size_t count(const std::vector<std::string>& in, const std::string& what) {
  return static_cast<std::size_t>(std::count(in.begin(), in.end(), what));
}

} // namespace

TEST_CASE("trouble: cut connections lose nothing, and nothing comes twice") {
  shared_cluster f;
  subscribe(f, 1, "c", long_log);
  subscribe(f, 1, "plain", no_log);
  for (int i = 0; i < 40; ++i) {
    f.node(0).append("c", long_log, said(std::to_string(i)), {});
    f.node(0).append("plain", no_log, said(std::to_string(i)), {});
    if (i % 8 == 3) f.redis().ask({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    if (i % 8 == 6) f.redis().ask({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    std::this_thread::sleep_for(5ms);
  }
  CHECK(f.until(
      [&] { return f.at(1).publications["c"].size() >= 40 && f.at(1).publications["plain"].size() >= 40; }));
  f.settle();
  auto& got = f.at(1).publications["c"];
  REQUIRE(got.size() == 40);
  for (std::size_t i = 0; i < 40; ++i) CHECK(got[i]->data == std::to_string(i));
  REQUIRE(f.at(1).publications["plain"].size() == 40);
  for (std::size_t i = 0; i < 40; ++i) CHECK(f.at(1).publications["plain"][i]->data == std::to_string(i));
  CHECK(f.at(1).doubted.empty());
}

TEST_CASE("trouble: FLUSHALL is noticed though nothing is published, every channel is told and goes on") {
  shared_cluster f;
  const auto before = subscribe(f, 1, "c", long_log);
  subscribe(f, 1, "plain", no_log);
  append(f, 0, "c", long_log, said("a"));
  f.redis().ask({"FLUSHALL"});
  CHECK(f.until([&] { return count(f.at(1).doubted, "c") == 1 && count(f.at(1).doubted, "plain") == 1; }, 2000ms));
  // A position of the lost log fits nothing.
  CHECK_FALSE(recover(f, 1, "c", long_log, {before.epoch, 0}).recovered);
  const auto first = append(f, 0, "c", long_log, said("b")).at;
  CHECK(first.offset == 1);
  CHECK(first.epoch != before.epoch);
  CHECK(
      f.until([&] { return !f.at(1).publications["c"].empty() && f.at(1).publications["c"].back()->data == "b"; }));
}

TEST_CASE("trouble: notices hold though Redis has lost them: whoever is there puts back what it knows") {
  server redis;
  cluster f(redis);
  const auto later = f.now() + 1h;
  const auto known = [&](std::size_t node) {
    auto all = f.at(node).all_told.empty() ? std::vector<notice>{} : f.at(node).all_told.back();
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    return all;
  };
  for (int i = 0; i < 200; ++i) put_notice(f, 0, {"b:" + std::to_string(1000 + i), i, later});
  put_notice(f, 1, {"b:dropped", 1, later});
  drop_notice(f, 2, "b:dropped");
  for (auto node : {0U, 1U, 2U}) f.at(node).all_told.clear();
  redis.ask({"FLUSHALL"});
  REQUIRE(f.until([&] { return known(0).size() == 200 && known(1).size() == 200 && known(2).size() == 200; }));
  for (auto node : {0U, 1U, 2U}) {
    CHECK(f.at(node).all_told.size() == 1); // never less in between
    CHECK(known(node)[7] == notice{"b:1007", 7, later});
  }
  // Who comes back later doesn't bring back what was dropped meanwhile.
  std::thread frozen([&] { f.freeze(2, 2500ms); });
  std::this_thread::sleep_for(50ms);
  redis.ask({"HSET", prefix + "gate", "mark", "another server"});
  f.on_loop(0, [&] { f.plane(0).cut(); });
  bool dropped = false;
  f.node(0).drop_notice("b:1007", [&](const auto& how) { dropped = how.ok(); });
  CHECK(f.until([&] { return dropped; }));
  frozen.join();
  CHECK(f.until([&] { return f.node(2).check().ready && known(2).size() == 199; }));
  f.settle();
  CHECK(redis.number({"HLEN", prefix + "notices"}) == 199);
}

TEST_CASE("trouble: a server that comes back with less than it had gives no position twice") {
  server redis;
  cluster f(redis);
  subscribe(f, 1, "c", long_log);
  const auto kept = append(f, 0, "c", long_log, said("kept")).at;
  redis.ask({"SAVE"});
  const auto lost = append(f, 0, "c", long_log, said("lost")).at;
  redis.kill_hard();
  CHECK(f.until([&] { return !f.node(0).check().ready; }));
  redis.start();
  CHECK(f.until([&] { return f.node(0).check().ready && f.node(1).check().ready && f.at(1).doubted.size() == 1; },
                4000ms));
  const auto again = append(f, 0, "c", long_log, said("again")).at;
  CHECK(again.offset == lost.offset);
  CHECK(again.epoch != lost.epoch);
  CHECK_FALSE(recover(f, 1, "c", long_log, lost).recovered);
  const auto survived = recover(f, 1, "c", long_log, kept);
  CHECK(survived.recovered);
  CHECK(text(survived.publications) == "2:again");
  CHECK(survived.top == again);
}

TEST_CASE("trouble: an inbox trimmed past what was read is noticed and made good from the log") {
  auto times = quick();
  times.lease = 3000ms;
  cluster f(server::shared(), times);
  subscribe(f, 1, "c", long_log);
  subscribe(f, 1, "plain", no_log);
  const auto inbox = prefix + "i:" + inbox_of(f.redis(), "node-1");
  std::thread frozen([&] { f.freeze(1, 800ms); });
  std::this_thread::sleep_for(100ms);
  for (int i = 0; i < 5; ++i) append_only(f, 0, "c", long_log, said(std::to_string(i)));
  append_only(f, 0, "plain", no_log, said("lost on the way"));
  f.redis().ask({"XTRIM", inbox, "MAXLEN", "1"});
  frozen.join();
  CHECK(f.until([&] { return f.at(1).publications["c"].size() == 5 && count(f.at(1).doubted, "plain") == 1; }));
  CHECK(text(f.at(1).publications["c"]) == "1:0 2:1 3:2 4:3 5:4");
  CHECK(count(f.at(1).doubted, "c") == 0);
}

TEST_CASE("trouble: a Redis that stands still fails publishers in time, and a late append still delivers at home") {
  shared_cluster f;
  subscribe(f, 0, "c", long_log);
  subscribe(f, 1, "c", long_log);
  std::vector<outcome<appended>> answers;
  f.redis().pause();
  const auto asked = std::chrono::steady_clock::now();
  f.node(0).append("c", long_log, said("late", "key"), [&](auto how) { answers.push_back(std::move(how)); });
  CHECK(f.until([&] { return answers.size() == 1; }, 2000ms));
  CHECK(std::chrono::steady_clock::now() - asked < 1800ms);
  REQUIRE_FALSE(answers[0].ok());
  CHECK(answers[0].error() == error_code::internal);
  CHECK(f.until([&] { return !f.node(0).check().ready; }, 2500ms));
  f.redis().resume();
  CHECK(f.until([&] { return f.at(0).publications["c"].size() == 1 && f.at(1).publications["c"].size() == 1; }));
  CHECK(f.until([&] { return f.node(0).check().ready; }));
  // The retry is a duplicate of it.
  const auto again = append(f, 0, "c", long_log, said("late", "key"));
  CHECK(again.duplicate);
  CHECK(again.at.offset == 1);
  f.settle();
  CHECK(text(f.at(0).publications["c"]) == "1:late");
  CHECK(text(f.at(1).publications["c"]) == "1:late");
}

TEST_CASE("trouble: while Redis is away publishing fails at once, questions are held and then answered or failed") {
  server redis({"--appendonly", "yes", "--appendfsync", "always"});
  cluster f(redis);
  const auto at = append(f, 0, "c", long_log, said("a")).at;
  redis.kill_hard();
  CHECK(f.until([&] { return !f.node(0).check().ready; }, 2000ms));
  std::this_thread::sleep_for(quick().append_wait);
  bool failed = false, given_up = false, held = false;
  f.node(0).append("c", long_log, said("b"), [&](const auto& how) { failed = !how.ok(); });
  CHECK(f.until([&] { return failed; }, 200ms));
  f.node(0).recover("c", long_log, at, 10, [&](const auto& how) { given_up = !how.ok(); });
  CHECK_FALSE(f.until([&] { return given_up; }, 700ms));
  CHECK(f.until([&] { return given_up; }, 2000ms));
  f.node(0).subscribe("c", long_log, [&](const auto& how) { held = how.ok(); });
  redis.start();
  CHECK(f.until([&] { return held; }, 3000ms));
  CHECK(append(f, 0, "c", long_log, said("b")).at.offset == 2);
}

TEST_CASE("trouble: what a batch has no room for is answered by the next ones, whole") {
  server redis;
  auto times = quick();
  times.answer_bytes = 4000;
  cluster f(redis, times);
  const std::string data(1000, 'x');
  for (int i = 0; i < 20; ++i) append(f, 0, "c", long_log, said(data));
  const auto top = subscribe(f, 1, "c", long_log);
  enter(f, 0, "c", {"ann", "client", "", ""});
  std::size_t publications = 0, answers = 0;
  for (std::uint64_t i = 0; i < 20; ++i)
    f.node(1).recover("c", long_log, {top.epoch, i}, 100, [&](const auto& how) {
      ++answers;
      if (how.ok()) publications += how->publications.size();
    });
  bool found = false;
  f.node(1).members("c", [&](const auto& how) { found = how.ok() && how->members.size() == 1; });
  append(f, 1, "c", long_log, said("after"));
  CHECK(f.until([&] { return answers == 20 && found; }));
  CHECK(publications >= 20 * 21 / 2);
}

TEST_CASE(
    "trouble: who came and went while Redis was away leaves nothing to be done, whoever else does so in the end") {
  server redis;
  auto times = quick();
  times.hold = 100ms;
  times.first_retry = times.last_retry = 700ms;
  times.max_pending = 150;
  cluster f(redis, times);
  subscribe(f, 0, "left", long_log);
  subscribe(f, 0, "c", no_log);
  enter(f, 0, "c", {"ann", "leaves", "", ""});
  const auto pending = [&] {
    for (const auto& each : f.plane(0).samples())
      if (each.name == "plexus_backplane_pending") return each.value;
    return -1.0;
  };
  f.on_loop(0, [&] {
    f.plane(0).cut();
    for (int i = 0; i < 100; ++i) {
      const auto name = std::to_string(i);
      f.node(0).subscribe(name, long_log, {});
      f.node(0).unsubscribe(name);
      f.node(0).enter("c", {"u", name, "", ""}, {});
      f.node(0).leave("c", name, {});
    }
    f.node(0).enter("c", {"bob", "comes", "", ""}, {});
    f.node(0).leave("c", "leaves", {});
    f.node(0).unsubscribe("left");
  });
  CHECK(f.until([&] { return pending() > 0; }));
  CHECK(f.until([&] { return pending() < 130; }));
  CHECK(f.until([&] { return f.node(0).check().ready && pending() == 0; }));
  f.settle();
  const auto now_in = members(f, 2, "c").members;
  REQUIRE(now_in.size() == 1);
  CHECK(now_in[0].client == "comes");
  const auto occupied = [&](const std::string& channel) {
    return f.redis().ask({"GET", prefix + "c:" + channel}).find(inbox_of(f.redis(), "node-0")) != std::string::npos;
  };
  CHECK(occupied("c"));
  CHECK_FALSE(occupied("left"));
}

TEST_CASE("trouble: a publication that was given up before it was sent is never made") {
  server redis({"--appendonly", "yes", "--appendfsync", "always"});
  cluster f(redis);
  subscribe(f, 1, "c", long_log);
  redis.kill_hard();
  bool failed = false;
  std::this_thread::sleep_for(50ms);
  f.node(0).append("c", long_log, said("never"), [&](const auto& how) { failed = !how.ok(); });
  CHECK(f.until([&] { return failed; }, 2000ms));
  redis.start();
  CHECK(f.until([&] { return f.node(0).check().ready && f.node(1).check().ready; }));
  CHECK(append(f, 0, "c", long_log, said("b")).at.offset == 1);
}

TEST_CASE("trouble: two publishing nodes and cuts all the while: each has one order, and all have the same") {
  shared_cluster f;
  for (const std::size_t node : {0U, 1U, 2U}) subscribe(f, node, "c", {5000, 1h});
  std::array<std::vector<std::uint64_t>, 2> own;
  const auto run = [&](std::size_t node) {
    for (int i = 0; i < 300; ++i) {
      f.node(node).append("c", {5000, 1h}, said(std::to_string(node)), [&, node](const auto& how) {
        if (how.ok()) own[node].push_back(how->at.offset);
      });
      if (i % 50 == 25) f.on_loop(node, [&] { f.plane(node).cut(); });
      std::this_thread::sleep_for(1ms);
    }
  };
  std::thread first(run, 0), second(run, 1);
  first.join();
  second.join();
  CHECK(f.until([&] { return own[0].size() + own[1].size() == 600 && f.at(2).publications["c"].size() == 600; }));
  f.settle();
  const auto log = history(f, 2, "c", {5000, 1h});
  REQUIRE(log);
  CHECK(text(f.at(2).publications["c"]) == text(log->publications));
  for (const std::size_t node : {0U, 1U}) {
    CHECK(std::is_sorted(own[node].begin(), own[node].end()));
    std::set<std::uint64_t> all(own[node].begin(), own[node].end());
    for (const auto& each : f.at(node).publications["c"]) all.insert(each->offset);
    CHECK(all.size() == 600);
  }
}

TEST_CASE("trouble: a node with another number of partitions doesn't start") {
  auto& redis = server::shared();
  cluster first(redis);
  CHECK(first.started(0).fault.empty());
  cluster second(redis, quick(), {}, 3);
  CHECK(second.started(0).bad_configuration);
  CHECK(second.started(0).fault.find("partitions") != std::string::npos);
}

TEST_CASE("trouble: a scripts cache that was emptied is filled again") {
  shared_cluster f;
  append(f, 0, "c", long_log, said("a"));
  f.redis().ask({"SCRIPT", "FLUSH"});
  CHECK(append(f, 0, "c", long_log, said("b")).at.offset == 2);
  f.advance(700ms);
  CHECK(f.node(0).check().ready);
}

TEST_CASE("trouble: a Redis without memory fails publishers with an error and goes on when it has some") {
  server redis;
  cluster f(redis);
  subscribe(f, 1, "c", long_log);
  append(f, 0, "c", long_log, said("a"));
  redis.ask({"CONFIG", "SET", "maxmemory", "1"});
  bool failed = false;
  f.node(0).append("c", long_log, said("b"), [&](const auto& how) { failed = !how.ok(); });
  CHECK(f.until([&] { return failed; }, 2000ms));
  redis.ask({"CONFIG", "SET", "maxmemory", "0"});
  CHECK(f.until([&] { return f.node(0).check().ready; }));
  CHECK(append(f, 0, "c", long_log, said("c")).at.offset == 2);
  CHECK(f.until([&] { return f.at(1).publications["c"].size() == 2; }));
}
