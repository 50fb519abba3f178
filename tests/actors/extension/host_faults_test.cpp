// What must not be lost when much comes at once, when words between nodes are lost, and when everything stops.

#include "actors/extension/wire.hpp"
#include "tests/actors/extension/cluster_bench.hpp"

using namespace plexus;
using namespace plexus::extension;
using namespace plexus::extension::testing;

namespace {

void configure(one_node& n, const std::function<void(config::settings&)>& change) {
  auto s = std::make_shared<config::settings>(*n.settings);
  change(*s);
  n.settings = s;
  n.it->apply(s);
  n.all.turn();
}

/// Of all questions of a kind.
std::string beginning_of(ask_body::kind what) {
  ask_body body;
  body.what = what;
  return write(body).substr(0, 4);
}

command coming(const std::string& user, bool in = true) {
  command c;
  c.what = in ? command::kind::subscribe : command::kind::unsubscribe;
  c.who = {user, user, {}, {}};
  return c;
}

} // namespace

TEST_CASE("what comes behind a finish is done by the next actor") {
  cluster_bench all(1);
  auto& n = all.nodes[0];
  n.ask_well("c:1", n.call("ann", "add"));
  n.answers.clear();
  for (const auto* verb : {"finish", "add", "get"}) n.submit("c:1", n.call("ann", verb));
  REQUIRE(all.until([&] { return n.answers.size() == 3; }));
  CHECK(n.answers[1].what.data == R"({"n":1})");
  CHECK(n.answers[2].what.data == R"({"n":1})");
  CHECK(n.ask_well("c:1", n.call("ann", "get")).what.data == R"({"n":1})");
}

TEST_CASE("answers of many megabytes reach another node in pieces") {
  cluster_bench all(2, 60s);
  all.patience = 30s; // a sanitizer needs seconds for a megabyte
  auto& a = all.nodes[0];
  auto& b = all.nodes[1];
  const auto channel = all.channel_of(b);
  a.ask_well(channel, a.call("ann", "get"));
  const auto asked = all.asked["n1"];
  a.answers.clear();
  for (int i = 0; i < 8; ++i) a.submit(channel, a.call("ann", "much", json::write("size", 700'000)));
  REQUIRE(all.until([&] { return a.answers.size() == 8; }));
  for (const auto& each : a.answers) CHECK(each.what.data.size() > 700'000);
  CHECK(all.largest < 4'000'000);
  CHECK(all.asked["n1"] - asked < 30);
  all.largest = 0;
  for (int i = 0; i < 8; ++i)
    a.submit(channel, a.call("ann", "get", json::write("text", std::string(300'000, 'x'))));
  REQUIRE(all.until([&] { return a.answers.size() == 16; }));
  CHECK(a.answers.back().what.code == 0);
  CHECK(all.largest < 2'000'000);
}

TEST_CASE("an unsubscribe isn't refused at the mailbox's bound") {
  cluster_bench all(1);
  auto& n = all.nodes[0];
  configure(n, [](auto& s) { s.namespaces["c"].max_actor_mailbox = 1; });
  n.subscribe("c:1", "ann");
  n.subscribe("c:1", "bob");
  n.submit("c:1", n.call("ann", "add"));
  n.submit("c:1", coming("bob", false));
  REQUIRE(all.until([&] { return n.answers.size() == 4; }));
  CHECK(all.members(n) == 1);
}

TEST_CASE("commands for an owner that is away wait up to the mailbox's bound, the rest is refused at once") {
  cluster_bench all(2, 60s);
  auto& a = all.nodes[0];
  auto& b = all.nodes[1];
  const auto channel = all.channel_of(b);
  a.ask_well(channel, a.call("ann", "get"));
  configure(a, [](auto& s) { s.namespaces["c"].max_actor_mailbox = 10; });
  b.frozen = true;
  a.answers.clear();
  for (int i = 0; i < 15; ++i) a.submit(channel, a.call("ann", "add"));
  CHECK(a.answers.size() == 5);
  CHECK(a.answers[0].what.code == 111);
  b.frozen = false;
  REQUIRE(all.until([&] { return a.answers.size() == 15; }));
  CHECK(a.answers.back().what.data == R"({"n":10})");
}

TEST_CASE("a subscribe that was given up leaves no member behind") {
  cluster_bench all(2, 60s, 200ms);
  auto& a = all.nodes[0];
  auto& b = all.nodes[1];
  const auto channel = all.channel_of(b);
  a.ask_well(channel, a.call("ann", "get"));
  configure(a, [](auto& s) { s.backplane.lease = 100ms; });
  b.frozen = true; // reads it when nobody waits for it any more
  a.submit(channel, coming("ann"));
  REQUIRE(all.until([&] { return a.answers.size() == 2; }));
  CHECK(a.answers[1].what.code == 100);
  b.frozen = false;
  // Commands are run in order: what comes behind its leaving sees it gone.
  CHECK(a.ask_well(channel, a.call("bob", "get")).what.code == 0);
  CHECK(all.members(b) == 0);
}

TEST_CASE("a removal that is lost on the way is told again") {
  cluster_bench all(2);
  auto& a = all.nodes[0];
  auto& b = all.nodes[1];
  const auto channel = all.channel_of(a);
  b.subscribe(channel, "bob");
  all.lose = beginning_of(ask_body::kind::remove);
  all.lost = 2;
  a.ask_well(channel, a.call("ann", "kick", R"({"client":"bob"})"));
  CHECK(all.until([&] { return b.kicked == std::vector<std::string>{"bob"}; }));
  CHECK(all.lost == 0);
}

TEST_CASE("the last node stops cleanly: the next one finds the timers at once") {
  cluster_bench all(1, 60s);
  auto& n = all.nodes[0];
  n.ask_well("c:1", n.call("ann", "repeat"));
  bool gone = false;
  n.it->let_go([&] { gone = true; });
  REQUIRE(all.until([&] { return gone; }));
  n.dead = true;
  auto& next = all.nodes.emplace_back(all, "next", 60s);
  next.plane.subscribe("c:1", {10'000, 1h}, nullptr);
  REQUIRE(all.until([&] { return next.heard["c:1"].size() >= 2; }));
}

TEST_CASE("moved by hand, with the word to the other node lost, its timers go on all the same") {
  cluster_bench all(2, 60s);
  auto& a = all.nodes[0];
  auto& b = all.nodes[1];
  const auto channel = all.channel_of(a);
  a.ask_well(channel, a.call("ann", "repeat"));
  all.lose = beginning_of(ask_body::kind::wake);
  all.lost = 1;
  bool over = false;
  a.it->move(channel, b.uid, [&](const std::string&) { over = true; });
  REQUIRE(all.until([&] { return over && all.owners(channel) == 1; }));
}

TEST_CASE("what was left behind and nobody serves is not in the way of what somebody does") {
  cluster_bench all(2);
  auto& a = all.nodes[0];
  auto& b = all.nodes[1];
  const auto channel = all.channel_of(b);
  a.ask_well(channel, a.call("ann", "repeat"));
  REQUIRE(&all.owner(channel) == &b);
  configure(a, [](auto& s) { s.namespaces["c"].actor.clear(); });
  b.dead = true;
  const auto abandoned = [&] {
    std::optional<std::size_t> found;
    a.plane.abandoned_actors(10, [&](const auto& got) { found = got->size(); });
    REQUIRE(all.until([&] { return found.has_value(); }));
    return *found;
  };
  const auto later = std::chrono::steady_clock::now() + 600ms; // beyond the lease
  REQUIRE(all.until([&] { return std::chrono::steady_clock::now() > later; }));
  CHECK(abandoned() == 0);
}

TEST_CASE("a publication given again whose place the store has forgotten: nothing is published") {
  cluster_bench all(1);
  auto& n = all.nodes[0];
  n.plane.subscribe("c:1", {10, 1h}, nullptr);
  command c;
  c.what = command::kind::publish;
  c.data = "1";
  c.key = std::string("\0k", 2);
  CHECK(n.ask_well("c:1", c).at.offset == 1);
  CHECK(n.ask_well("c:1", c).at.offset == 1);
  const auto heard = n.heard["c:1"];
  all.store_ahead = 10min;
  const auto again = n.ask_well("c:1", c);
  CHECK(again.what.code == 0);
  CHECK(again.at.offset == 0);
  CHECK(n.heard["c:1"] == heard);
}
