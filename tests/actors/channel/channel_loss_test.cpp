// A log that can't be trusted any more, or goes on under another epoch.
#include "tests/actors/channel/bench.hpp"
#include "tests/backplane/silent_backplane.hpp"

#include <doctest/doctest.h>

using namespace plexus;
using namespace plexus::channel;
using namespace plexus::channel::testing;

namespace {

using ::plexus::backplane::answer, ::plexus::backplane::appended, ::plexus::backplane::draft;
using ::plexus::backplane::recovery, ::plexus::backplane::retention;

/// A backplane whose log goes on under another epoch when the test says so, and that counts what it is asked.
struct renamed final : backplane::silent_backplane {
  void append(const std::string&, const retention&, draft what, answer<appended> done) override {
    auto made = std::make_shared<protocol::publication>();
    made->data = what.data;
    made->offset = ++top.offset;
    done(appended{top, false, made});
  }
  void subscribe(const std::string&, const retention&, answer<protocol::position> done) override { done(top); }
  void unsubscribe(const std::string&) override {}
  void recover(const std::string&, const retention&, const protocol::position&, std::size_t,
               answer<recovery> done) override {
    ++recoveries;
    if (away)
      done(protocol::error_code::internal);
    else
      done(recovery{top, true, {}});
  }
  protocol::position top{"E.1", 5};
  int recoveries = 0;
  bool away = false;
};

} // namespace

TEST_CASE("a log that goes on under another epoch: subscribers come again, and needn't ask the backplane each") {
  noted_port port;
  renamed plane;
  const auto it = std::make_shared<channel::channel>(std::make_shared<const std::string>("chat:x"), with_history(),
                                                     1, plane, port);
  std::vector<outcome<subscribed>> answers;
  const auto ask = [&](const std::string& client, std::optional<protocol::position> since) {
    subscribe m;
    m.who.client = client;
    m.max_recovered = 1000;
    m.wants_recovery = since.has_value();
    m.since = since;
    m.done = [&](outcome<subscribed> r) { answers.push_back(std::move(r)); };
    it->on_subscribe(std::move(m));
  };
  for (const char* client : {"a", "b", "c"}) ask(client, {});
  plane.top.epoch = "E.2";
  it->on_in_doubt();
  CHECK(port.dissolved.size() == 1);
  CHECK(plane.recoveries == 1);
  answers.clear();
  ask("a", protocol::position{"E.1", 5});
  publish p;
  p.what.data = "later";
  p.done = [](auto) {};
  it->on_publish(std::move(p));
  ask("b", protocol::position{"E.1", 5});
  CHECK(plane.recoveries == 1);
  ask("c", protocol::position{"E.1", 4}); // it was behind
  CHECK(plane.recoveries == 2);
  REQUIRE(answers.size() == 3);
  CHECK(answers[0]->recovered);
  CHECK(answers[0]->at == protocol::position{"E.2", 5});
  CHECK(answers[0]->publications.empty());
  CHECK(answers[1]->recovered);
  REQUIRE(answers[1]->publications.size() == 1);
  CHECK(answers[1]->publications[0]->data == "later");
}

TEST_CASE("a backplane that is away while a hole is filled sends nobody away; the channel asks again") {
  noted_port port;
  renamed plane;
  const auto it = std::make_shared<channel::channel>(std::make_shared<const std::string>("chat:x"), with_history(),
                                                     1, plane, port);
  subscribe m;
  m.who.client = "a";
  m.done = [](auto) {};
  it->on_subscribe(std::move(m));
  plane.away = true;
  it->on_in_doubt();
  CHECK(port.doubts == 1);
  CHECK(port.dissolved.empty());
  plane.away = false;
  it->on_in_doubt();
  CHECK(port.dissolved.empty());
  CHECK(it->subscribers() == 1);
}

TEST_CASE("a channel without a log in doubt tells its subscribers: there is nothing to make it good from") {
  bench b;
  b.it->on_subscribe(b.request("a"));
  b.settle();
  b.it->on_in_doubt();
  CHECK(b.port.dissolved.size() == 1);
}

TEST_CASE("after 2500 nothing is pushed to who was sent away, and a return has the members read again") {
  auto o = with_history();
  o.presence = true;
  auto store = std::make_shared<backplane::memory_store>();
  bench one(o, 1, store, "one"), two(o, 1, store, "two");
  two.it->on_subscribe(two.request("b"));
  two.settle();
  auto gone = o;
  gone.history_size = 0; // nothing to fill a hole from
  two.it->set_options(gone);
  two.it->on_in_doubt();
  CHECK(two.port.dissolved.size() == 1);
  one.publish_text("1");
  two.publish_text("2");
  one.settle();
  two.settle();
  CHECK(two.port.emitted.empty());
  CHECK(two.port.presence_doubts == 0);
  two.it->set_options(o);
  two.it->on_subscribe(two.request("b"));
  two.settle();
  CHECK(two.port.presence_doubts == 1);
  one.publish_text("3");
  one.settle();
  two.settle();
  CHECK(two.port.emitted.size() == 1);
}
