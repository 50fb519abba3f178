// Channels with an actor of a plugin. What the port is asked stands in for the actor.
#include "tests/actors/channel/bench.hpp"

#include <doctest/doctest.h>

using namespace plexus;
using namespace plexus::channel;
using namespace plexus::channel::testing;

namespace {

config::channel_options with_actor() {
  auto o = with_history();
  o.actor = "x";
  return o;
}

/// A publication of the actor: appended by another node.
void appended_elsewhere(bench& b, backplane::memory_backplane& other, const std::string& data) {
  backplane::draft d;
  d.data = data;
  other.append("chat:x", {100, 1h}, std::move(d), nullptr);
  b.settle();
}

} // namespace

TEST_CASE("an actor is asked before a client joins, and its refusal goes out in its own words") {
  bench b(with_actor());
  auto m = b.request("a");
  m.data = "1";
  std::pair<int, std::string> said;
  m.refused = [&](std::uint16_t code, const std::string& why) { said = {code, why}; };
  b.it->on_subscribe(std::move(m));
  b.settle();
  CHECK(b.answers.empty());
  REQUIRE(b.port.asked.size() == 1);
  CHECK(b.port.asked[0].first.what == extension::command::kind::subscribe);
  CHECK(b.port.asked[0].first.who.client == "a");
  CHECK(b.port.asked[0].first.data == "1");
  b.port.asked[0].second({{1000, "no", {}, false, false}, {}});
  CHECK(said == std::pair<int, std::string>{1000, "no"});
  CHECK(b.it->subscribers() == 0);
  b.it->on_subscribe(b.request("b"));
  b.settle();
  b.port.asked.back().second({{1000, "no", {}, false, false}, {}});
  REQUIRE(b.answers.size() == 1);
  CHECK(b.answers[0].second.error() == protocol::error_code::permission_denied);
}

TEST_CASE("what an actor says of its state and the publications after it make the whole") {
  auto store = std::make_shared<backplane::memory_store>();
  bench b(with_actor(), 2, store);
  bench other({}, 1, store, "other");
  b.it->on_subscribe(b.request("a"));
  b.settle();
  for (int i = 1; i <= 4; ++i) appended_elsewhere(b, other.plane, std::to_string(i));
  const auto epoch = [&] {
    std::string found;
    other.plane.history("chat:x", {100, 1h}, {}, [&](auto page) { found = page->top.epoch; });
    other.settle();
    return found;
  }();
  // Its reply was made after the second of them.
  b.port.asked[0].second({{0, {}, R"({"n":2})", false, false}, {epoch, 2}});
  REQUIRE(b.answers.size() == 1);
  auto& got = b.answers[0].second;
  REQUIRE(got.ok());
  CHECK(got->data == R"({"n":2})");
  CHECK(got->at.offset == 2);
  CHECK_FALSE(got->was_recovering);
  REQUIRE(got->publications.size() == 2);
  CHECK(got->publications[0]->data == "3");
  CHECK(got->publications[1]->data == "4");
}

TEST_CASE("an actor's reply that is ahead of what was heard here waits for the log") {
  auto store = std::make_shared<backplane::memory_store>();
  bench b(with_actor(), 1, store);
  bench other({}, 1, store, "other");
  b.it->on_subscribe(b.request("a"));
  b.settle();
  backplane::draft d;
  d.data = "1";
  std::string epoch;
  other.plane.append("chat:x", {100, 1h}, std::move(d), [&](auto got) { epoch = got->at.epoch; });
  other.settle();
  b.queue.clear(); // the entry is lost on the way
  b.port.asked[0].second({{0, {}, {}, false, false}, {epoch, 1}});
  b.settle();
  REQUIRE(b.answers.size() == 1);
  REQUIRE(b.answers[0].second.ok());
  CHECK(b.answers[0].second->at.offset == 1);
  CHECK(b.answers[0].second->publications.empty());
}

TEST_CASE("an actor hears of everyone who goes, also of who goes while it is asked") {
  bench b(with_actor());
  b.it->on_subscribe(b.request("a"));
  b.settle();
  unsubscribe m;
  m.client = "a";
  m.clean = false;
  b.it->on_unsubscribe(m);
  REQUIRE(b.port.asked.size() == 2);
  CHECK(b.port.asked[1].first.what == extension::command::kind::unsubscribe);
  CHECK_FALSE(b.port.asked[1].first.clean);
  b.port.asked[0].second({{0, {}, {}, false, false}, {}}); // nobody is there any more
  CHECK(b.answers.empty());
  b.it->on_subscribe(b.request("b"));
  b.settle();
  b.port.asked.back().second({{0, {}, {}, false, false}, {}});
  CHECK(b.it->subscribers() == 1);
  m.client = "b";
  m.disconnected = true;
  b.it->on_unsubscribe(m);
  CHECK(b.port.asked.back().first.why == plexus::end_reason::disconnected);
}

TEST_CASE("what clients publish goes through the actor, which says where it went") {
  bench b(with_actor());
  b.publish_text("1", "key");
  REQUIRE(b.port.asked.size() == 1);
  CHECK(b.port.asked[0].first.data == "1");
  CHECK(b.port.asked[0].first.key == "key");
  CHECK(b.appends.empty());
  b.port.asked[0].second({{0, {}, {}, false, true}, {"epoch", 7}});
  REQUIRE(b.appends.size() == 1);
  CHECK(b.appends[0]->at == protocol::position{"epoch", 7});
  b.publish_text("2");
  b.port.asked[1].second({{1000, "no", {}, false, false}, {}});
  CHECK(b.appends[1].error() == protocol::error_code::permission_denied);
}
