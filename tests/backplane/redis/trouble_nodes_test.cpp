// What happens when nodes stand still or die: who is gone leaves once, who is there stays.

#include "tests/backplane/redis/cluster.hpp"

#include <doctest/doctest.h>

using namespace plexus::backplane;
using namespace plexus::backplane::contract;
using namespace plexus::backplane::redis::testing;

TEST_CASE("trouble: a node paused past its lease registers again, and what it missed comes in order") {
  shared_cluster f;
  subscribe(f, 1, "c", long_log);
  enter(f, 1, "c", {"bob", "c2", "", ""});
  append(f, 0, "c", long_log, said("a"));
  std::thread frozen([&] { f.freeze(1, 2500ms); });
  std::this_thread::sleep_for(1800ms);
  for (const char* each : {"b", "c"}) append_only(f, 0, "c", long_log, said(each));
  frozen.join();
  CHECK(f.until([&] { return f.at(1).publications["c"].size() == 3; }));
  CHECK(text(f.at(1).publications["c"]) == "1:a 2:b 3:c");
  // It was given up and is back: its member as well.
  CHECK(f.until([&] { return members(f, 0, "c").members.size() == 1; }));
  append(f, 0, "c", long_log, said("d"));
  CHECK(text(f.at(1).publications["c"]) == "1:a 2:b 3:c 4:d");
}

TEST_CASE("trouble: after an outage longer than the lease nobody leaves who is there") {
  shared_cluster f;
  for (const std::size_t node : {0U, 1U}) subscribe(f, node, "c", no_log);
  enter(f, 0, "c", {"ann", "c1", "", ""});
  enter(f, 1, "c", {"bob", "c2", "", ""});
  f.redis().pause();
  std::this_thread::sleep_for(1800ms);
  // One of them comes back later than the other looks: its lease is over, and yet it lives.
  std::thread frozen([&] { f.freeze(1, 700ms); });
  std::this_thread::sleep_for(50ms);
  f.redis().resume();
  frozen.join();
  CHECK(f.until([&] { return f.node(0).check().ready && f.node(1).check().ready; }));
  f.advance(2500ms); // two leases and a half: time to clean
  CHECK(members(f, 2, "c").members.size() == 2);
  for (const std::size_t node : {0U, 1U})
    for (const auto& each : f.at(node).changes["c"]) CHECK(each.what != presence_change::kind::left);
}

TEST_CASE("trouble: members of a node that died leave within two leases, once, and all hear it") {
  shared_cluster f;
  for (const std::size_t node : {0U, 2U}) subscribe(f, node, "c", no_log);
  for (int i = 0; i < 50; ++i) enter(f, 1, "c", {"u", "c" + std::to_string(i), "", ""});
  enter(f, 0, "c", {"ann", "stays", "", ""});
  f.kill(1);
  f.start(1); // back at once, under the same name: it's another incarnation
  CHECK(f.until([&] { return f.at(0).changes["c"].size() + f.at(2).changes["c"].size() >= 50 + 50 + 50 + 1 + 50; },
                3000ms));
  f.advance(700ms);
  for (const std::size_t node : {0U, 2U}) {
    std::map<std::string, int> left;
    for (const auto& each : f.at(node).changes["c"])
      if (each.what == presence_change::kind::left) ++left[each.member.client];
    CHECK(left.size() == 50);
    for (const auto& [client, times] : left) CHECK(times == 1);
  }
  CHECK(members(f, 0, "c").members.size() == 1);
  CHECK(f.redis().number({"EXISTS", prefix + "nodes"}) == 1);
}

TEST_CASE("trouble: a large node that died is soon gone from all its channels, and from large ones") {
  shared_cluster f;
  f.advance(1300ms); // a lease, and who renews for so long may judge
  // As a node's `enter` writes it.
  f.redis().ask({"EVAL",
                 "local dead, one = 'DEADINBOX012', KEYS[1] "
                 "local function member(c) return dead .. string.char(0, #c) .. c .. string.char(0, 0) end "
                 "for i = 1, 10000 do redis.call('HSET', one .. 'm:c' .. i, 'c', member('c')) "
                 "redis.call('HSET', one .. 'w:' .. dead, 'c' .. i, 1) end "
                 "for i = 1, 20000 do redis.call('HSET', one .. 'm:big', 'm' .. i, member('m' .. i)) end "
                 "redis.call('HSET', one .. 'w:' .. dead, 'big', 20000) "
                 "redis.call('HSET', one .. 'nodes', dead, 'node-x uid')",
                 "1", prefix});
  const auto gone = [&] { return f.redis().number({"HEXISTS", prefix + "nodes", "DEADINBOX012"}) == 0; };
  CHECK(f.until(gone, 10'000ms)); // a second where nothing else runs
  CHECK(f.redis().ask({"EVAL", "return #redis.call('KEYS', KEYS[1])", "1", prefix + "m:*"}) == "0");
  CHECK(f.redis().number({"EXISTS", prefix + "w:DEADINBOX012"}) == 0);
}

TEST_CASE("trouble: who leaves while the node enters its members again has left for good") {
  shared_cluster f;
  const std::string infos(30'000, 'x'); // so that entering them takes a while
  const auto member = [](int i) { return "m" + std::to_string(i); };
  for (int i = 0; i < 600; ++i) f.node(0).enter("c", {"u", member(i), "\"" + infos + "\"", ""}, {});
  f.node(0).enter("c", {"u", "stays", "", ""}, {});
  REQUIRE(f.until([&] { return f.redis().number({"HLEN", prefix + "m:c"}) == 601; }));
  const auto before = inbox_of(f.redis(), "node-0");
  f.redis().ask({"DEL", prefix + "i:" + before});
  // The ones that are still to be entered are those that the old inbox has; on a busy machine that may be none by
  // now.
  REQUIRE(f.until([&] { return f.redis().number({"HGET", prefix + "w:" + before, "c"}) < 600; }));
  f.on_loop(0, [&] {
    for (int i = 0; i < 600; ++i) f.node(0).leave("c", member(i), {});
  });
  CHECK(f.until([&] { return f.redis().number({"HLEN", prefix + "m:c"}) == 1; }));
  f.settle();
  const auto in = members(f, 1, "c").members;
  REQUIRE(in.size() == 1);
  CHECK(in[0].client == "stays");
}

TEST_CASE("trouble: a Redis without memory while a node dies: its members leave when there is some again") {
  server redis;
  cluster f(redis);
  subscribe(f, 0, "c", no_log);
  for (int i = 0; i < 3; ++i) enter(f, 1, "c", {"u", "c" + std::to_string(i), "", ""});
  redis.ask({"CONFIG", "SET", "maxmemory", "1"});
  f.kill(1);
  f.advance(2000ms); // its lease is over, and whoever cleans up behind it is refused
  redis.ask({"CONFIG", "SET", "maxmemory", "0"});
  CHECK(f.until([&] { return f.node(0).check().ready; }));
  CHECK(f.until([&] { return members(f, 0, "c").members.empty(); }));
}

TEST_CASE("trouble: a leave under way on a cut connection doesn't undo what came after") {
  shared_cluster f;
  subscribe(f, 0, "c", long_log);
  for (int i = 0; i < 10; ++i) {
    f.node(0).unsubscribe("c");
    f.on_loop(0, [&] { f.plane(0).cut(); });
    bool back = false;
    f.node(0).subscribe("c", long_log, [&](const auto& how) { back = how.ok(); });
    CHECK(f.until([&] { return back; }));
    append(f, 1, "c", long_log, said(std::to_string(i)));
    CHECK(f.at(0).publications["c"].size() == static_cast<std::size_t>(i) + 1);
  }
}

TEST_CASE("trouble: a publication goes only to nodes that need it") {
  shared_cluster f;
  subscribe(f, 1, "c", long_log);
  const auto quiet = prefix + "i:" + inbox_of(f.redis(), "node-2");
  const auto before = f.redis().ask({"XINFO", "STREAM", quiet});
  for (int i = 0; i < 20; ++i) append(f, 0, "c", long_log, said("x"));
  const auto added = [](const std::string& info) {
    const auto at = info.find("entries-added ");
    return info.substr(at, info.find(' ', at + 14) - at);
  };
  CHECK(added(f.redis().ask({"XINFO", "STREAM", quiet})) == added(before));
  CHECK(f.at(1).publications["c"].size() == 20);
}
