// What a channel decides, with a port that notes and a real in-process backplane; no loops, no actors.
#include "actors/channel/channel.hpp"

#include "backplane/memory_backplane.hpp"
#include "backplane/memory_store.hpp"
#include "tests/backplane/silent_backplane.hpp"

#include <doctest/doctest.h>

#include <deque>

using namespace plexus;
using namespace plexus::channel;
using namespace std::chrono_literals;

namespace {

struct noted_port final : channel_port {
  void fan_out_to(unsigned loop, const protocol::broadcast_ptr& what) override {
    emitted.emplace_back(loop, what->bytes(protocol::format::json));
    deltas.push_back(what->bytes(protocol::format::json, protocol::data_form::delta).find(R"("delta":true)") !=
                     std::string::npos);
  }
  void dissolve_on(unsigned loop) override { dissolved.push_back(loop); }
  void presence_enter(const protocol::client_info& who) override { entered.push_back(who.client); }
  void presence_leave(const std::string& client, bool clean, bool) override { left.emplace_back(client, clean); }
  void doubt_later() override { ++doubts; }
  void presence_in_doubt() override { ++presence_doubts; }
  void idle() override { is_idle = true; }
  void in_use() override { is_idle = false; }
  std::vector<std::pair<unsigned, std::string>> emitted;
  std::vector<bool> deltas; ///< whether those who get deltas got one
  std::vector<unsigned> dissolved;
  std::vector<std::string> entered;
  std::vector<std::pair<std::string, bool>> left;
  bool is_idle = false;
  int doubts = 0;
  int presence_doubts = 0;
};

/// A node with one channel; answers of the backplane wait until `settle` runs them, or one at a time with `step`.
struct bench final : backplane::listener {
  explicit bench(config::channel_options options = {}, unsigned loops = 2,
                 std::shared_ptr<backplane::memory_store> store = std::make_shared<backplane::memory_store>(),
                 const std::string& name = "node") :
      plane(
          store, name, *this, [this](std::string_view, std::function<void()> work) { queue.push_back(work); },
          [this] { return now; }),
      it(std::make_shared<channel::channel>(std::make_shared<const std::string>("chat:x"), options, loops, plane,
                                            port)) {}

  void published(const std::string&, protocol::publication_ptr what) override { it->on_published_elsewhere(what); }
  void presence_changed(const std::string&, const backplane::presence_change&) override {}
  void in_doubt(const std::string&) override { it->on_in_doubt(); }
  void presence_in_doubt(const std::string&) override {}

  bool step() {
    if (queue.empty()) return false;
    auto work = std::move(queue.front());
    queue.pop_front();
    work();
    return true;
  }
  void settle() {
    while (step()) {
    }
  }
  subscribe request(const std::string& client, unsigned loop = 0) {
    subscribe m;
    m.who.client = client;
    m.loop = loop;
    m.max_recovered = 1000;
    m.done = [this, client](outcome<subscribed> r) { answers.emplace_back(client, std::move(r)); };
    return m;
  }
  void publish_text(const std::string& data, const std::string& key = {}) {
    publish m;
    m.what.data = data;
    m.what.idempotency_key = key;
    m.what.idempotency_ttl = 5min;
    m.done = [this](outcome<backplane::appended> r) { appends.push_back(std::move(r)); };
    it->on_publish(std::move(m));
  }

  std::chrono::milliseconds now{1'000'000};
  std::deque<std::function<void()>> queue;
  noted_port port;
  backplane::memory_backplane plane;
  std::shared_ptr<channel::channel> it;
  std::vector<std::pair<std::string, outcome<subscribed>>> answers;
  std::vector<outcome<backplane::appended>> appends;
};

config::channel_options with_history(std::size_t size = 100) {
  config::channel_options o;
  o.history_size = size;
  o.history_ttl = 1h;
  return o;
}

} // namespace

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

TEST_CASE("what is published while a client recovers reaches it exactly once, wherever it falls") {
  // The answers of the backplane are let through one at a time; at each point in between another publication comes.
  for (int at = 0; at < 6; ++at) {
    CAPTURE(at);
    bench b(with_history());
    b.it->on_subscribe(b.request("old"));
    b.settle();
    for (int i = 1; i <= 3; ++i) b.publish_text(std::to_string(i));
    b.settle();
    auto epoch = b.appends.at(0)->at.epoch;
    auto m = b.request("late", 1);
    m.wants_recovery = true;
    m.since = protocol::position{epoch, 1};
    int steps = 0;
    if (at == 0) b.publish_text("4");
    b.it->on_subscribe(std::move(m));
    while (true) {
      if (++steps == at) b.publish_text("4");
      if (!b.step()) break;
    }
    if (steps < at) break;
    b.settle();
    b.publish_text("5");
    b.settle();
    REQUIRE(b.answers.size() == 2);
    auto& got = b.answers[1].second;
    REQUIRE(got.ok());
    CHECK(got->recovered);
    CHECK(got->at.offset == 1); // what the client sent
    std::vector<std::string> seen;
    for (auto& p : got->publications) seen.push_back(p->data);
    for (auto& [loop, bytes] : b.port.emitted)
      if (loop == 1) seen.push_back(bytes.substr(bytes.find("\"data\":") + 7, 1));
    CHECK(seen == std::vector<std::string>{"2", "3", "4", "5"});
  }
}

TEST_CASE("a position that is gone is said so, or refused on request") {
  bench b(with_history(2));
  b.it->on_subscribe(b.request("a"));
  for (int i = 1; i <= 5; ++i) b.publish_text(std::to_string(i));
  b.settle();
  auto epoch = b.appends.at(0)->at.epoch;
  auto m = b.request("b");
  m.wants_recovery = true;
  m.since = protocol::position{epoch, 1};
  b.it->on_subscribe(std::move(m));
  auto n = b.request("c");
  n.wants_recovery = n.refuse_unrecoverable = true;
  n.since = protocol::position{"other123", 5};
  b.it->on_subscribe(std::move(n));
  b.settle();
  REQUIRE(b.answers.size() == 3);
  CHECK_FALSE(b.answers[1].second->recovered);
  CHECK(b.answers[1].second->was_recovering);
  CHECK(b.answers[1].second->at.offset == 5);
  CHECK(b.answers[1].second->publications.empty());
  REQUIRE_FALSE(b.answers[2].second.ok());
  CHECK(b.answers[2].second.error() == protocol::error_code::unrecoverable_position);
  CHECK(b.it->subscribers() == 2);
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

TEST_CASE("on two nodes each subscriber sees every publication once and in order") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(), 1, store, "one"), two(with_history(), 1, store, "two");
  one.it->on_subscribe(one.request("a"));
  two.it->on_subscribe(two.request("b"));
  one.settle();
  two.settle();
  for (int i = 0; i < 4; ++i) {
    one.publish_text("1");
    two.publish_text("2");
    // Entries and answers reach the nodes in any interleaving.
    if (i % 2) two.settle();
    one.settle();
    two.settle();
    one.settle();
  }
  CHECK(one.port.emitted.size() == 8);
  CHECK(two.port.emitted.size() == 8);
  for (std::size_t i = 0; i < 8; ++i) {
    auto offset = "\"offset\":" + std::to_string(i + 1);
    CHECK(one.port.emitted[i].second.find(offset) != std::string::npos);
    CHECK(two.port.emitted[i].second.find(offset) != std::string::npos);
  }
}

TEST_CASE("a hole is read from the log; where that can't be, every loop's subscribers are told") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(3), 1, store, "one"), two(with_history(3), 1, store, "two");
  one.it->on_subscribe(one.request("a"));
  one.settle();
  two.it->on_subscribe(two.request("b"));
  two.settle();
  // Two entries for node two get lost on their way.
  one.publish_text("1");
  one.publish_text("2");
  one.settle();
  two.queue.clear();
  two.it->on_in_doubt();
  two.settle();
  CHECK(two.port.emitted.size() == 2);
  // So many that the log has lost some: nothing is skipped in silence.
  for (int i = 0; i < 6; ++i) one.publish_text("x");
  one.settle();
  two.queue.clear();
  two.it->on_in_doubt();
  two.settle();
  CHECK(two.port.emitted.size() == 2);
  CHECK(two.port.dissolved == std::vector<unsigned>{0});
  CHECK(two.it->subscribers() == 0);
}

TEST_CASE("what comes while a hole is being filled goes behind it, without another publication to bring it up") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(), 1, store, "one"), two(with_history(), 1, store, "two");
  two.it->on_subscribe(two.request("b"));
  two.settle();
  one.publish_text("1");
  one.settle();
  two.queue.clear(); // the first entry is lost on its way
  two.it->on_in_doubt();
  one.publish_text("2");
  one.settle();
  REQUIRE(two.queue.size() == 2); // the log as it was, and the second entry
  std::swap(two.queue[0], two.queue[1]);
  two.settle();
  REQUIRE(two.port.emitted.size() == 2);
  CHECK(two.port.emitted[0].second.find("\"offset\":1") != std::string::npos);
  CHECK(two.port.emitted[1].second.find("\"offset\":2") != std::string::npos);
  CHECK(two.port.dissolved.empty());
}

TEST_CASE("doubt that arises while a hole is being filled is looked into as well") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(), 1, store, "one"), two(with_history(), 1, store, "two");
  two.it->on_subscribe(two.request("b"));
  two.settle();
  two.it->on_in_doubt();
  one.publish_text("1");
  one.settle();
  two.queue.pop_back(); // the entry is lost; what the log had was read before it
  two.it->on_in_doubt();
  two.settle();
  CHECK(two.port.emitted.size() == 1);
}

TEST_CASE("who was joining by a log that is lost is refused, and the channel is left to others") {
  auto store = std::make_shared<backplane::memory_store>();
  bench one(with_history(2), 1, store, "one"), two(with_history(2), 1, store, "two");
  two.it->on_subscribe(two.request("b"));
  two.settle();
  auto epoch = two.answers.at(0).second->at.epoch;
  for (int i = 0; i < 5; ++i) one.publish_text("x");
  one.settle();
  two.queue.clear();
  two.it->on_in_doubt(); // three of five are gone
  auto late = two.request("late");
  late.wants_recovery = true;
  late.since = protocol::position{epoch, 4};
  two.it->on_subscribe(std::move(late));
  two.settle();
  CHECK(two.port.dissolved == std::vector<unsigned>{0});
  REQUIRE(two.answers.size() == 2);
  CHECK(two.answers[1].second.error() == protocol::error_code::internal);
  CHECK(two.it->is_idle());
  one.publish_text("y");
  one.settle();
  CHECK(two.queue.empty()); // nothing is handed to a node that gave the channel up
}

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
