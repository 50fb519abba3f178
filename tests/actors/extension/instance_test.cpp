// One actor with the test kit, which is the same machine that a node runs it with.

#include "tests/actors/extension/sample_actors.hpp"

#include <plexus/testkit.hpp>

#include <doctest/doctest.h>

using namespace plexus;
using namespace plexus::testing;
using testkit::channel;
using lines = std::vector<std::string>;

TEST_CASE("a call changes the state, publishes and answers") {
  channel it("c:1", testkit::of<counter>());
  CHECK(it.call("ann", "add", R"({"n":5})").data == R"({"n":5})");
  CHECK(it.published() == lines{R"({"n":5})"});
  CHECK(it.call("ann", "get").data == R"({"n":5})");
  CHECK(it.published().empty());
}

TEST_CASE("what nobody handles is error 108, an actor's own refusal goes out as it is") {
  channel it("c:1", testkit::of<counter>());
  CHECK(it.call("ann", "nonsense").code == 108);
  const auto no = it.call("ann", "no");
  CHECK(no.code == 1000);
  CHECK(no.message == "own words");
}

TEST_CASE("a handler that throws has done nothing, and the log says what it threw") {
  channel it("c:1", testkit::of<counter>());
  it.call("ann", "add", R"({"n":5})");
  it.published();
  CHECK(it.call("ann", "fail").code == 100);
  CHECK(it.failures() == lines{"on_call: on purpose"});
  CHECK(it.published().empty());
  CHECK(it.call("ann", "get").data == R"({"n":5})");
  it.advance(1h);
  CHECK(it.published().empty());
}

TEST_CASE("killed and rebuilt, everything written is there: state, timers, members, answers") {
  channel it("c:1", testkit::of<counter>());
  it.subscribe("ann");
  it.call("ann", "add", R"({"n":5})", "bid-1");
  it.call("ann", "timer");
  it.published();
  it.kill();
  CHECK(it.members().size() == 1);
  CHECK(it.call("ann", "get").data == R"({"n":5})");
  CHECK(it.call("ann", "add", R"({"n":5})", "bid-1").data == R"({"n":5})"); // its first answer
  CHECK(it.call("ann", "get").data == R"({"n":5})");
  it.advance(11s);
  CHECK(it.published() == lines{R"({"timer":"once","n":6})"});
}

TEST_CASE("a key belongs to a user and holds for its time") {
  channel it("c:1", testkit::of<counter>());
  it.call("ann", "add", "{}", "k");
  CHECK(it.call("ann/other", "add", "{}", "k").data == R"({"n":1})");
  CHECK(it.call("bob", "add", "{}", "k").data == R"({"n":2})");
  it.advance(301s);
  CHECK(it.call("ann", "add", "{}", "k").data == R"({"n":3})");
}

TEST_CASE("a failed call may be repeated with its key") {
  channel it("c:1", testkit::of<counter>());
  CHECK(it.call("ann", "fail", "{}", "k").code == 100);
  CHECK(it.call("ann", "add", "{}", "k").data == R"({"n":1})");
}

TEST_CASE("timers fire each at its time, once or again and again, and not after they were cancelled") {
  channel it("c:1", testkit::of<counter>());
  it.call("ann", "repeat");
  it.advance(3500ms);
  CHECK(it.published().size() == 3);
  it.kill();
  it.advance(1s);
  CHECK(it.published().size() == 1);
  it.call("ann", "stop");
  it.advance(1h);
  CHECK(it.published().empty());
}

TEST_CASE("a timer whose handler throws is over") {
  channel it("c:1", testkit::of<counter>());
  it.call("ann", "timer");
  it.call("ann", "add", R"({"n":13})");
  it.published();
  it.advance(1h);
  CHECK(it.failures() == lines{"on_timer: unlucky"});
  CHECK(it.published().empty());
}

TEST_CASE("members: who is refused isn't one, a second window is no second user") {
  channel it("c:1", testkit::of<counter>());
  CHECK(it.subscribe("ann/desk").data == R"({"n":0})");
  CHECK(it.subscribe("banned").code == 403);
  CHECK(it.subscribe("broken").code == 100);
  it.subscribe("ann/phone");
  CHECK(it.members().size() == 2);
  CHECK(it.published() == lines{R"({"join":"ann"})"});
  it.unsubscribe("ann/desk");
  CHECK(it.published() == lines{R"({"gone":"ann/desk","why":0})"});
  it.disconnect("ann/phone");
  CHECK(it.published() == lines{R"({"gone":"ann/phone","why":1})", R"({"leave":"ann"})"});
  CHECK(it.members().empty());
}

TEST_CASE("a user whose connection broke may come back within the grace; a kill in between changes nothing") {
  testkit::options with;
  with.presence_grace = 5s;
  channel it("c:1", testkit::of<counter>(), with);
  it.subscribe("ann");
  it.subscribe("bob");
  it.disconnect("ann");
  it.disconnect("bob");
  it.published();
  it.kill();
  it.advance(3s);
  it.subscribe("ann/again");
  it.advance(3s);
  CHECK(it.published() == lines{R"({"leave":"bob"})"});
}

TEST_CASE("publications of clients: changed into the actor's own words, refused, counted") {
  channel it("c:1", testkit::of<counter>());
  CHECK(it.publish("ann", "1"));
  const auto got = it.publications();
  REQUIRE(got.size() == 2);
  CHECK(got[0].data == "1");
  CHECK(got[0].from == "ann");
  CHECK(got[1].data == R"({"seen":1})");
  CHECK(it.publish("ann", "\"no\"").code == 103);
  CHECK(it.publish("", "\"quiet\""));
  CHECK(it.published() == lines{"\"instead\""});
}

TEST_CASE("an answer that comes later comes once, also after a rebuild") {
  channel it("c:1", testkit::of<counter>());
  CHECK(it.call("ann", "later").later);
  it.kill();
  CHECK(it.answered().empty());
  it.call("bob", "answer");
  const auto late = it.answered();
  REQUIRE(late.size() == 1);
  CHECK(late[0].data == R"({"n":0})");
  it.call("bob", "answer");
  CHECK(it.answered().empty());
}

TEST_CASE("what runs aside comes back as a command, with its failure if it failed") {
  channel it("c:1", testkit::of<counter>());
  it.call("ann", "aside", R"({"value":"v"})");
  it.call("ann", "aside");
  CHECK(it.published().empty());
  CHECK(it.run_aside() == 2);
  CHECK(it.published() == lines{R"({"aside":"work","value":"v","error":""})",
                                R"({"aside":"work","value":"","error":"nothing to do"})"});
}

TEST_CASE("a removed member is gone and told why") {
  channel it("c:1", testkit::of<counter>());
  it.subscribe("ann");
  it.published();
  it.call("bob", "kick", R"({"client":"ann"})");
  CHECK(it.removed() == lines{"ann"});
  CHECK(it.published() == lines{R"({"gone":"ann","why":2})", R"({"leave":"ann"})"});
}

TEST_CASE("a state beyond its limit refuses the command that made it so") {
  testkit::options with;
  with.max_state = 1000;
  channel it("c:1", testkit::of<counter>(), with);
  CHECK(it.call("ann", "grow", R"({"size":500})"));
  CHECK(it.call("ann", "grow", R"({"size":2000})").code == 106);
  CHECK(it.state_size() < 600);
  channel log("c:1", testkit::of<listing>(), with);
  for (int i = 0; i < 90; ++i) CHECK(log.call("ann", "push", R"({"item":"123456789"})"));
  CHECK(log.call("ann", "push", json::write("item", std::string(500, 'x'))).code == 106);
  CHECK(log.call("ann", "size").data == R"({"size":90})");
}

TEST_CASE("after finish nothing is left: the next command makes a new actor, which those who stayed join") {
  channel it("c:1", testkit::of<counter>());
  it.subscribe("ann");
  it.call("ann", "add");
  it.call("ann", "repeat");
  it.published();
  it.call("ann", "finish");
  CHECK(it.finished());
  CHECK(it.members().size() == 1);
  it.advance(1h);
  CHECK(it.published().empty());
  CHECK(it.call("ann", "get").data == R"({"n":0})");
  CHECK(it.published() == lines{R"({"join":"ann"})"});
  CHECK(it.members().size() == 1);
  it.call("ann", "finish");
  it.kill();
  CHECK(it.call("ann", "get").data == R"({"n":0})");
}

TEST_CASE("who made the state too large by coming isn't in, and may come again") {
  testkit::options with;
  with.max_state = 1000;
  channel it("c:1", testkit::of<counter>(), with);
  CHECK(it.subscribe("large").code == 106);
  CHECK(it.subscribe("larger").code == 106);
  CHECK(it.members().empty());
  CHECK(it.published().empty());
  it.kill();
  CHECK(it.members().empty());
  it.call("ann", "add");
  it.published();
  CHECK(it.subscribe("large"));
  CHECK(it.subscribe("larger"));
  CHECK(it.published() == lines{R"({"join":"large"})", R"({"join":"larger"})"});
  CHECK(it.members().size() == 2);
}

TEST_CASE("a list by its changes: what throws is taken back, and a long log is cut by a snapshot") {
  testkit::options with;
  with.compare_rebuilt = false; // of thousands, after each of thousands
  channel it("c:1", testkit::of<listing>(), with);
  CHECK(it.call("ann", "push", R"({"item":"bad"})").code == 100);
  for (int i = 1; i <= 3000; ++i) it.call("ann", "push", R"({"item":"0123456789"})");
  it.kill();
  CHECK(it.call("ann", "size").data == R"({"size":3000})");
  CHECK(it.call("ann", "push", R"({"item":"bad"})").code == 100);
  it.move();
  CHECK(it.call("ann", "size").data == R"({"size":3000})");
}

TEST_CASE("the kit finds what a rebuild would lose") {
  channel one("c:1", testkit::of<forgetful>());
  CHECK_THROWS_AS(one.call("ann", "x"), std::logic_error);
  channel other("c:1", testkit::of<listing>());
  CHECK_THROWS_AS(other.call("ann", "cheat"), std::logic_error);
}

TEST_CASE("outside of a handler an actor can do nothing") {
  struct eager : counter {
    void loaded() override { publish("1"); }
  };
  CHECK_THROWS_AS(channel("c:1", testkit::of<eager>()), std::logic_error);
  struct open : counter {
    using counter::publish;
  } it;
  CHECK_THROWS_AS(it.publish("1"), std::logic_error);
}
