// What a channel decides: who gets in, who gets what, when it is idle.
#include "tests/actors/channel/bench.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace plexus;
using namespace plexus::channel;
using namespace plexus::channel::testing;

TEST_CASE("subscribers wait for the occupancy and then get the position") {
  bench b(with_history());
  b.it->on_subscribe(b.request("a"));
  b.it->on_subscribe(b.request("b", 1));
  CHECK(b.answers.empty());
  b.settle();
  REQUIRE(b.answers.size() == 2);
  CHECK(b.answers[0].second->positioned);
  CHECK(b.answers[0].second->recoverable);
  CHECK(b.answers[0].second->at.epoch.size() == 8);
  CHECK(b.answers[0].second->at.offset == 0);
  CHECK(b.it->subscribers() == 2);
}

TEST_CASE("a publication goes once to each loop that has subscribers, before its publisher is answered") {
  bench b(with_history(), 3);
  b.it->on_subscribe(b.request("a", 0));
  b.it->on_subscribe(b.request("b", 2));
  b.it->on_subscribe(b.request("c", 2));
  b.settle();
  std::size_t emitted_at_answer = 0;
  publish m;
  m.what.data = "1";
  m.done = [&](auto r) {
    REQUIRE(r.ok());
    CHECK(r->at.offset == 1);
    emitted_at_answer = b.port.emitted.size();
  };
  b.it->on_publish(std::move(m));
  b.settle();
  CHECK(emitted_at_answer == 2);
  REQUIRE(b.port.emitted.size() == 2);
  CHECK(b.port.emitted[0].first == 0);
  CHECK(b.port.emitted[1].first == 2);
  CHECK(b.port.emitted[0].second.find(R"("data":1)") != std::string::npos);
}

TEST_CASE("without subscribers a publication is kept and goes nowhere") {
  bench b(with_history());
  b.publish_text("1");
  b.settle();
  CHECK(b.port.emitted.empty());
  CHECK(b.appends.at(0)->at.offset == 1);
}

TEST_CASE("a known key delivers nothing again and gives the first answer") {
  bench b(with_history());
  b.it->on_subscribe(b.request("a"));
  b.publish_text("1", "key");
  b.publish_text("2", "key");
  b.settle();
  CHECK(b.port.emitted.size() == 1);
  REQUIRE(b.appends.size() == 2);
  CHECK(b.appends[1]->duplicate);
  CHECK(b.appends[1]->at == b.appends[0]->at);
}

TEST_CASE("max_subscribers refuses the next one with 106") {
  auto o = with_history();
  o.max_subscribers = 1;
  bench b(o);
  b.it->on_subscribe(b.request("a"));
  b.it->on_subscribe(b.request("b"));
  b.settle();
  REQUIRE(b.answers.size() == 2);
  CHECK(b.answers[0].first == "b");
  CHECK(b.answers[0].second.error() == protocol::error_code::limit_exceeded);
  CHECK(b.answers[1].second.ok());
}

TEST_CASE("a client that was refused takes nobody's place when it goes") {
  auto o = with_history();
  o.max_subscribers = 1;
  bench b(o);
  b.it->on_subscribe(b.request("a"));
  b.settle();
  b.it->on_subscribe(b.request("b"));
  b.it->on_unsubscribe({"b", 0, true, true}); // its connection closed before it read the refusal
  CHECK(b.it->subscribers() == 1);
  b.publish_text("1");
  b.settle();
  CHECK(b.port.emitted.size() == 1);
  b.it->on_subscribe(b.request("c"));
  b.settle();
  CHECK(b.it->subscribers() == 1);
}

TEST_CASE("a client that leaves before it was let in is not counted and not answered") {
  bench b(with_history());
  b.it->on_subscribe(b.request("a"));
  b.it->on_unsubscribe({"a", 0, true, true});
  b.settle();
  CHECK(b.answers.empty());
  CHECK(b.it->subscribers() == 0);
  CHECK(b.it->is_idle());
}

TEST_CASE("presence hears of clients that enter and leave, and how they left") {
  auto o = with_history();
  o.presence = true;
  bench b(o);
  b.it->on_subscribe(b.request("a"));
  b.settle();
  b.it->on_unsubscribe({"a", 0, false, true});
  CHECK(b.port.entered == std::vector<std::string>{"a"});
  CHECK(b.port.left == std::vector<std::pair<std::string, bool>>{{"a", false}});
  CHECK_FALSE(b.it->is_idle()); // until presence has done with it
  b.it->presence_settled();
  CHECK(b.it->is_idle());
  CHECK(b.port.is_idle);
}

TEST_CASE("joins are pushed only where the namespace says so") {
  bench quiet(with_history());
  quiet.it->on_subscribe(quiet.request("a"));
  quiet.settle();
  quiet.it->announce(protocol::join_push{{"u", "a", "", ""}});
  CHECK(quiet.port.emitted.empty());
  auto o = with_history();
  o.join_leave = config::offer::asked;
  bench b(o);
  b.it->on_subscribe(b.request("a"));
  auto asks = b.request("b");
  asks.wants_join_leave = true;
  b.it->on_subscribe(std::move(asks));
  b.settle();
  CHECK_FALSE(b.answers[0].second->kind.join_leave);
  CHECK(b.answers[1].second->kind.join_leave);
  b.it->announce(protocol::join_push{{"u", "b", "", ""}});
  CHECK(b.port.emitted.size() == 1);
}

TEST_CASE("deltas are for who asks, where the channel has them, and start from what was emitted last") {
  auto o = with_history();
  o.delta = true;
  o.on_slow = config::slow_policy::latest;
  bench b(o);
  b.it->on_subscribe(b.request("a"));
  auto asks = b.request("b");
  asks.wants_delta = true;
  b.it->on_subscribe(std::move(asks));
  b.settle();
  CHECK_FALSE(b.answers[0].second->kind.delta);
  CHECK(b.answers[1].second->kind.delta);
  CHECK(b.answers[0].second->kind.latest);
  const std::string pad(100, 'x');
  for (const auto* n : {"1", "2"}) {
    b.publish_text("\"" + pad + n + "\"");
    b.settle();
  }
  REQUIRE(b.port.deltas.size() == 2);
  CHECK_FALSE(b.port.deltas[0]);
  CHECK(b.port.deltas[1]);
  o.delta = false; // by a reload: nothing to start from, and again none after the next change
  b.it->set_options(o);
  b.publish_text("\"" + pad + "3\"");
  b.settle();
  o.delta = true;
  b.it->set_options(o);
  for (const auto* n : {"4", "5"}) {
    b.publish_text("\"" + pad + n + "\"");
    b.settle();
  }
  CHECK(b.port.deltas == std::vector<bool>{false, true, false, false, true});
}

TEST_CASE("over its rate a channel refuses, and is not kept alive by it") {
  auto o = with_history();
  o.publications_per_second = 2;
  bench b(o);
  for (int i = 0; i < 4; ++i) b.publish_text("1");
  b.settle();
  REQUIRE(b.appends.size() == 4);
  CHECK(std::count_if(b.appends.begin(), b.appends.end(), [](auto& a) { return a.ok(); }) == 2);
  CHECK(b.port.is_idle);
}
