// Channel actors on several nodes: one owner, commands from everywhere, deaths and hand-overs.

#include "tests/actors/extension/cluster_bench.hpp"

using namespace plexus;
using namespace plexus::extension;
using namespace plexus::extension::testing;

TEST_CASE("one node: commands in order, answers after what they published") {
  cluster_bench all(1);
  auto& n = all.nodes[0];
  n.plane.subscribe("c:1", {10, 1h}, nullptr);
  for (int i = 1; i <= 20; ++i) n.submit("c:1", n.call("ann", "add"));
  REQUIRE(all.until([&] { return n.answers.size() == 20; }));
  for (int i = 1; i <= 20; ++i) CHECK(n.answers[static_cast<std::size_t>(i - 1)].what.data == json::write("n", i));
  CHECK(n.heard["c:1"].size() == 20);
}

TEST_CASE("an actor of no plugin is error 108") {
  cluster_bench all(1);
  auto& n = all.nodes[0];
  auto s = std::make_shared<config::settings>(*n.settings);
  s->namespaces["c"].actor = "unknown";
  n.it->apply(s);
  all.turn();
  CHECK(n.ask_well("c:1", n.call("ann", "get")).what.code == 108);
}

TEST_CASE("three nodes: one has the actor, wherever the command comes from") {
  cluster_bench all(3);
  for (int i = 1; i <= 9; ++i) {
    auto& n = all.nodes[static_cast<std::size_t>(i % 3)];
    CHECK(n.ask_well("c:1", n.call("ann", "add")).what.data == json::write("n", i));
  }
  CHECK(all.owners("c:1") == 1);
}

TEST_CASE("owners are spread over the nodes") {
  cluster_bench all(3);
  auto& n = all.nodes[0];
  for (int i = 0; i < 60; ++i) n.submit("c:" + std::to_string(i), n.call("ann", "add"));
  REQUIRE(all.until([&] { return n.answers.size() == 60; }));
  for (auto& each : all.nodes) {
    std::size_t here = 0, shown = 0, counted = 0;
    each.it->list(SIZE_MAX, [&](const std::vector<actor_figures>& list, std::size_t) { here = list.size(); });
    each.it->list(5, [&](const std::vector<actor_figures>& list, std::size_t count) {
      shown = list.size();
      counted = count;
    });
    for (int i = 0; i < 4; ++i) each.turn();
    CHECK(here >= 8);
    CHECK(shown == 5);
    CHECK(counted == here);
  }
}

TEST_CASE("the owner dies in the middle of a thousand commands: each is done once, and timers still fire") {
  cluster_bench all(3);
  auto& asking = all.nodes[0];
  std::string channel;
  for (int i = 0; channel.empty(); ++i)
    if (asking.it->preferred("c:" + std::to_string(i)) != asking.uid) channel = "c:" + std::to_string(i);
  asking.ask_well(channel, asking.call("ann", "timer")); // in ten seconds: after the test
  all.nodes[0].subscribe(channel, "ann");
  auto& owner = all.owner(channel);
  REQUIRE(&owner != &asking);
  auto& other = &owner == &all.nodes[1] ? all.nodes[2] : all.nodes[1];
  other.subscribe(channel, "bob");
  owner.subscribe(channel, "carl");
  asking.answers.clear();
  std::size_t asked = 0;
  const auto killed = std::chrono::steady_clock::now();
  while (asking.answers.size() < 1000) {
    while (asked < 1000 && asked < asking.answers.size() + 40)
      asking.submit(channel, asking.call("ann", "add", "{}", "bid-" + std::to_string(asked++)));
    all.turn();
    if (asking.answers.size() > 400) owner.dead = true;
    REQUIRE(std::chrono::steady_clock::now() < killed + 20s);
  }
  for (std::size_t i = 0; i < 1000; ++i) CHECK(asking.answers[i].what.data == json::write("n", i + 1));
  CHECK(asking.ask_well(channel, asking.call("ann", "get")).what.data == R"({"n":1000})");
  CHECK(all.owners(channel) == 1);
  // Who was connected to the dead node has left; the others are still members.
  auto& now = all.owner(channel);
  REQUIRE(all.until([&] {
    std::size_t members = 0;
    now.it->list(SIZE_MAX, [&](const std::vector<actor_figures>& list, std::size_t) {
      for (const auto& one : list)
        if (one.channel == channel) members = one.members;
    });
    for (int i = 0; i < 4; ++i) all.turn();
    return members == 2;
  }));
}

TEST_CASE("an actor that nobody asks for is rebuilt all the same when its node dies") {
  cluster_bench all(3);
  auto& n = all.nodes[0];
  n.ask_well("c:1", n.call("ann", "repeat"));
  auto& owner = all.owner("c:1");
  owner.dead = true;
  REQUIRE(all.until([&] { return all.owners("c:1") == 1; }));
  auto& now = all.owner("c:1");
  CHECK(&now != &owner);
  now.plane.subscribe("c:1", {10'000, 1h}, nullptr);
  CHECK(all.until([&] { return now.heard["c:1"].size() >= 2; }));
}

TEST_CASE(
    "two that both believe to have it: the stale one's write is refused, and its commands are done by the other") {
  cluster_bench all(2);
  auto& a = all.nodes[0];
  std::string channel;
  for (int i = 0; channel.empty(); ++i)
    if (a.it->preferred("c:" + std::to_string(i)) == a.uid) channel = "c:" + std::to_string(i);
  auto& b = all.nodes[1];
  CHECK(a.ask_well(channel, a.call("ann", "add")).what.data == R"({"n":1})");
  a.frozen = true;
  // The other one gets no answer, and takes over when the lease is over.
  CHECK(b.ask_well(channel, b.call("bob", "add")).what.data == R"({"n":2})");
  b.plane.subscribe(channel, {10'000, 1h}, nullptr);
  const auto before = b.heard[channel].size();
  a.answers.clear();
  const auto refused = count::refused_writes.value();
  a.submit(channel, a.call("ann", "add"));
  a.frozen = false;
  REQUIRE(all.until([&] { return !a.answers.empty(); }));
  CHECK(count::refused_writes.value() > refused);
  CHECK(a.answers[0].what.data == R"({"n":3})");
  CHECK(b.ask_well(channel, b.call("bob", "get")).what.data == R"({"n":3})");
  CHECK(b.heard[channel].size() == before + 1);
  CHECK(all.owners(channel) == 1);
}

TEST_CASE("a node that drains hands its actors over, and commands go on without a gap") {
  cluster_bench all(2, 5s);
  auto& a = all.nodes[0];
  auto& b = all.nodes[1];
  for (int i = 0; i < 10; ++i) a.ask_well("c:" + std::to_string(i), a.call("ann", "add"));
  bool drained = false;
  const auto began = std::chrono::steady_clock::now();
  a.it->drain([&] { drained = true; });
  for (int i = 0; i < 10; ++i) a.submit("c:" + std::to_string(i), a.call("ann", "add"));
  REQUIRE(all.until([&] { return drained && a.answers.size() == 20; }));
  for (std::size_t i = 10; i < 20; ++i) CHECK(a.answers[i].what.data == R"({"n":2})");
  CHECK(std::chrono::steady_clock::now() - began < 4s); // nobody waited for a lease
  for (int i = 0; i < 10; ++i)
    CHECK(b.ask_well("c:" + std::to_string(i), b.call("bob", "get")).what.data == R"({"n":2})");
}

TEST_CASE("moved by hand it lives where it was sent, and is found from everywhere") {
  cluster_bench all(3, 5s);
  auto& n = all.nodes[0];
  n.ask_well("c:1", n.call("ann", "add"));
  auto& from = all.owner("c:1");
  auto& to = &from == &all.nodes[1] ? all.nodes[2] : all.nodes[1];
  CHECK(all.move(from, "c:1", to.uid) == "");
  REQUIRE(all.until([&] { return all.owners("c:1") == 1; }));
  CHECK(&all.owner("c:1") == &to);
  for (auto& each : all.nodes) CHECK(each.ask_well("c:1", each.call("ann", "get")).what.data == R"({"n":1})");
  CHECK(&all.owner("c:1") == &to);
  CHECK(all.move(from, "c:1", "nobody") == "no such node");
}

TEST_CASE("moved by hand while all call it: what is on its way to where it was doesn't bring it back") {
  cluster_bench all(3, 5s);
  all.nodes[0].ask_well("c:1", all.nodes[0].call("ann", "add"));
  std::size_t called = 1;
  for (int round = 0; round < 5; ++round) {
    auto& from = all.owner("c:1");
    auto& to = all.nodes[&from == &all.nodes[1] ? 2 : 1];
    std::optional<std::string> how;
    from.it->move("c:1", to.uid, [&](const std::string& what) { how = what; });
    REQUIRE(all.until([&] {
      for (auto& each : all.nodes) each.submit("c:1", each.call("ann", "add"));
      called += all.nodes.size();
      return how.has_value();
    }));
    CHECK(*how == "");
    REQUIRE(all.until([&] {
      std::size_t answered = 0;
      for (auto& each : all.nodes) answered += each.answers.size();
      return answered == called;
    }));
    CHECK(&all.owner("c:1") == &to);
  }
  CHECK(all.nodes[0].ask_well("c:1", all.nodes[0].call("ann", "get")).what.data == json::write("n", called));
}

TEST_CASE("moved by hand to a node that came a moment ago") {
  cluster_bench all(1, 5s);
  auto& from = all.nodes[0];
  from.ask_well("c:1", from.call("ann", "add"));
  auto& to = all.nodes.emplace_back(all, "late", 5s);
  CHECK(all.move(from, "c:1", to.uid) == "");
  REQUIRE(all.until([&] { return all.owners("c:1") == 1; }));
  CHECK(&all.owner("c:1") == &to);
}

TEST_CASE("an actor begins where a node isn't known yet: its members are") {
  cluster_bench all(2, 5s);
  const auto channel = all.channel_of(all.nodes[1]);
  auto& to = all.nodes[0];
  to.subscribe(channel, "ann");
  auto& from = all.owner(channel);
  REQUIRE(&from == &all.nodes[1]);
  to.ticked = std::chrono::steady_clock::now() + 1h; // it hears of nobody by itself
  auto& late = all.nodes.emplace_back(all, "late", 5s);
  late.subscribe(channel, "bob");
  to.plane.subscribe(channel, {10, 1h}, nullptr);
  CHECK(all.move(from, channel, to.uid) == "");
  CHECK(late.ask_well(channel, late.call("bob", "add")).what.code == 0);
  REQUIRE(all.until([&] { return all.asked["late"] > 0; })); // who is there
  CHECK(late.ask_well(channel, late.call("bob", "add")).what.code == 0);
  REQUIRE(&all.owner(channel) == &to);
  CHECK(all.members(to) == 2);
  CHECK(to.heard[channel] == std::vector<std::string>{R"({"n":1})", R"({"n":2})"});
}

TEST_CASE("an answer that comes later reaches the node that asked") {
  cluster_bench all(2);
  auto& a = all.nodes[0];
  auto& b = all.nodes[1];
  a.ask_well("c:1", a.call("ann", "get"));
  const auto before = a.answers.size(), other = b.answers.size();
  a.submit("c:1", a.call("ann", "later"));
  b.submit("c:1", b.call("bob", "later"));
  for (int i = 0; i < 50; ++i) all.turn();
  CHECK(a.answers.size() == before);
  a.submit("c:1", a.call("ann", "answer"));
  CHECK(all.until([&] { return a.answers.size() == before + 2 && b.answers.size() == other + 1; }));
}

TEST_CASE("at the mailbox's bound commands are refused with 111") {
  cluster_bench all(1);
  auto& n = all.nodes[0];
  auto s = std::make_shared<config::settings>(*n.settings);
  s->namespaces["c"].max_actor_mailbox = 10;
  n.it->apply(s);
  all.turn();
  for (int i = 0; i < 30; ++i) n.submit("c:1", n.call("ann", "add"));
  REQUIRE(all.until([&] { return n.answers.size() == 30; }));
  CHECK(std::count_if(n.answers.begin(), n.answers.end(), [](const auto& a) { return a.what.code == 111; }) == 20);
}

TEST_CASE("a removed member's node is told") {
  cluster_bench all(2);
  auto& a = all.nodes[0];
  auto& b = all.nodes[1];
  b.subscribe("c:1", "bob");
  a.ask_well("c:1", a.call("ann", "kick", R"({"client":"bob"})"));
  CHECK(all.until([&] { return b.kicked == std::vector<std::string>{"bob"}; }));
}

TEST_CASE("what runs aside comes back without the loop having waited") {
  cluster_bench all(1);
  auto& n = all.nodes[0];
  n.plane.subscribe("c:1", {10, 1h}, nullptr);
  n.ask_well("c:1", n.call("ann", "aside", R"({"value":"v"})"));
  CHECK(all.until([&] { return n.heard["c:1"].size() == 1; }));
  CHECK(n.heard["c:1"][0] == R"({"aside":"work","value":"v","error":""})");
}
