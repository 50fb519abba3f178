#include "actors/cluster/cluster.hpp"

#include "actors/cluster/message.hpp"
#include "backplane/memory_backplane.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <thread>

using namespace plexus;
using namespace std::chrono_literals;
using cluster::answers;
namespace bp = plexus::backplane;

namespace {

/// Passes everything on to another one, until it is told not to.
struct gate final : bp::backplane {
  explicit gate(bp::backplane& with) : behind(with) {}
  using text = const std::string&;
  void append(text, const bp::retention&, bp::draft, bp::answer<bp::appended>) override {}
  void find_key(text, text, bp::answer<std::optional<protocol::position>>) override {}
  void subscribe(text, const bp::retention&, bp::answer<protocol::position>) override {}
  void unsubscribe(text) override {}
  void recover(text, const bp::retention&, const protocol::position&, std::size_t,
               bp::answer<bp::recovery>) override {}
  void history(text, const bp::retention&, const bp::log_query&, bp::answer<bp::log_page>) override {}
  void remove_history(text, bp::answer<bp::nothing>) override {}
  void enter(text, protocol::client_info, bp::answer<bp::presence_change>) override {}
  void leave(text, text, bp::answer<bp::presence_change>) override {}
  void members(text, bp::answer<bp::presence_snapshot>) override {}
  void acquire_lease(text, text, std::chrono::milliseconds, bp::answer<bp::lease>) override {}
  void release_lease(text, text, bp::answer<bp::nothing>) override {}
  void claim_actor(text, text, std::chrono::milliseconds, bp::answer<bp::actor_claim>) override {}
  void write_actor(text, const bp::retention&, bp::actor_write, bp::answer<bp::actor_written>) override {}
  void abandoned_actors(std::size_t, bp::answer<std::vector<std::string>>) override {}
  void put_notice(bp::notice, bp::answer<bp::nothing>) override {}
  void drop_notice(text, bp::answer<bp::nothing>) override {}
  [[nodiscard]] bp::health check() const override { return {}; }
  void tick() override {}

  [[nodiscard]] text uid() const override { return behind.uid(); }
  void peers(bp::answer<std::vector<bp::peer>> done) override {
    ++lookups;
    if (away)
      done(protocol::error_code::internal);
    else
      behind.peers(std::move(done));
  }
  void send(text to, std::string bytes, bp::answer<bp::nothing> done) override {
    if (away)
      done(protocol::error_code::internal);
    else
      behind.send(to, std::move(bytes), std::move(done));
  }

  bp::backplane& behind;
  bool away = false;
  int lookups = 0;
};

/// One process: a loop, its side of the store, what it serves.
struct one_node {
  struct ears final : bp::listener {
    void published(const std::string&, protocol::publication_ptr) override {}
    void presence_changed(const std::string&, const bp::presence_change&) override {}
    void in_doubt(const std::string&) override {}
    void presence_in_doubt(const std::string&) override {}
    void received(const std::string& from, std::string_view bytes) override {
      if (to) to->received(from, bytes);
    }
    cluster::cluster* to = nullptr;
  };

  one_node(const std::shared_ptr<bp::memory_store>& store, const std::string& uid) :
      loops(1),
      plane(std::make_unique<bp::memory_backplane>(
          store, uid, listens,
          [this](std::string_view, bp::backplane::task work) { loops.at(0).post(std::move(work)); },
          [] { return 0ms; }, "name of " + uid)),
      door(*plane),
      talk(loops, door, "name of " + uid) {
    listens.to = &talk;
  }
  bool turn() {
    if (frozen) return false;
    loops.at(0).turn(false);
    return true;
  }

  ears listens;
  runtime::runtime loops;
  std::unique_ptr<bp::memory_backplane> plane;
  gate door;
  cluster::cluster talk;
  bool frozen = false;
};

struct three {
  explicit three() {
    for (const char* uid : {"a", "b", "c"}) nodes.emplace_back(store, uid);
  }
  /// Lets all run until `over`, for a while at most.
  template <class Over>
  bool until(const Over& over) {
    const auto end = std::chrono::steady_clock::now() + 30s; // of a busy machine
    while (!over() && std::chrono::steady_clock::now() < end) {
      for (auto& each : nodes) each.turn();
      std::this_thread::yield();
    }
    return over();
  }
  answers ask_all(const std::string& subject, const std::string& body, std::chrono::milliseconds timeout = 5s) {
    std::vector<answers> got;
    nodes[0].talk.ask_all(subject, body, timeout, [&](answers what) { got.push_back(std::move(what)); });
    CHECK(got.empty());
    REQUIRE(until([&] { return !got.empty(); }));
    return got[0];
  }
  answers ask(const std::string& node, const std::string& subject, const std::string& body,
              std::chrono::milliseconds timeout = 5s) {
    std::vector<answers> got;
    nodes[0].talk.ask(node, subject, body, timeout, [&](answers what) { got.push_back(std::move(what)); });
    CHECK(got.empty());
    REQUIRE(until([&] { return !got.empty(); }));
    return got[0];
  }
  void serve_echo() {
    for (auto& each : nodes)
      each.talk.serve("echo", [&each](std::string_view body, const cluster::cluster::respond& say) {
        say(each.talk.uid() + " heard " + std::string(body));
      });
  }

  std::shared_ptr<bp::memory_store> store = std::make_shared<bp::memory_store>();
  std::deque<one_node> nodes;
};

std::vector<std::string> bodies(const answers& of) {
  std::vector<std::string> out;
  for (const auto& each : of.from) out.push_back(each.node + ": " + each.body);
  std::sort(out.begin(), out.end());
  return out;
}

using list = std::vector<std::string>;

} // namespace

TEST_CASE("all are asked, the asker too, and answer under their names") {
  three f;
  f.serve_echo();
  const auto got = f.ask_all("echo", "x");
  CHECK(bodies(got) == list{"name of a: a heard x", "name of b: b heard x", "name of c: c heard x"});
  CHECK(got.silent.empty());
  CHECK_FALSE(got.unsure);
}

TEST_CASE("one is asked, by uid, by name, or itself") {
  three f;
  f.serve_echo();
  CHECK(bodies(f.ask("b", "echo", "x")) == list{"name of b: b heard x"});
  CHECK(bodies(f.ask("name of c", "echo", "x")) == list{"name of c: c heard x"});
  CHECK(bodies(f.ask("a", "echo", "x")) == list{"name of a: a heard x"});
  CHECK(bodies(f.ask("name of a", "echo", "x")) == list{"name of a: a heard x"});
}

TEST_CASE("who nobody knows is unknown, at once, and many such names cost one look-up at a time") {
  three f;
  f.serve_echo();
  const auto got = f.ask("nobody", "echo", "x");
  CHECK(got.silent == list{"nobody"});
  CHECK(got.unknown);
  CHECK(f.ask("", "echo", "x").unknown);
  const auto before = f.nodes[0].door.lookups;
  int answered = 0;
  for (int i = 0; i < 1000; ++i)
    f.nodes[0].talk.ask("nobody-" + std::to_string(i), "echo", "x", 5s, [&](const answers& what) {
      CHECK(what.unknown);
      ++answered;
    });
  REQUIRE(f.until([&] { return answered == 1000; }));
  CHECK(f.nodes[0].door.lookups - before <= 2);
}

TEST_CASE("a node that stands still is named when the time is over, and what it says later is nobody's") {
  three f;
  f.serve_echo();
  f.nodes[1].frozen = true;
  auto got = f.ask_all("echo", "x", 60ms);
  CHECK(bodies(got) == list{"name of a: a heard x", "name of c: c heard x"});
  CHECK(got.silent == list{"name of b"});
  CHECK_FALSE(got.unsure);
  got = f.ask("b", "echo", "y", 60ms);
  CHECK(got.from.empty());
  CHECK(got.silent == list{"b"});
  CHECK_FALSE(got.unknown);
  f.nodes[1].frozen = false;
  CHECK(bodies(f.ask("b", "echo", "z")) == list{"name of b: b heard z"});
}

TEST_CASE("a node that is gone is not waited for") {
  three f;
  f.serve_echo();
  CHECK(f.ask_all("echo", "x").from.size() == 3); // now its uid is known
  f.nodes[1].plane.reset();
  f.nodes[1].frozen = true;
  const auto got = f.ask_all("echo", "x");
  CHECK(got.from.size() == 2);
  CHECK(got.silent.empty());
  CHECK(f.ask("b", "echo", "x").unknown);
}

TEST_CASE("a name whose node was started anew leads to the new one, with the question that found out") {
  three f;
  f.serve_echo();
  CHECK(f.ask("name of b", "echo", "x").from.size() == 1);
  f.nodes[1].plane.reset();
  f.nodes[1].frozen = true;
  one_node::ears listens;
  runtime::runtime& loops = f.nodes[2].loops;
  bp::memory_backplane again(
      f.store, "b2", listens,
      [&](std::string_view, bp::backplane::task work) { loops.at(0).post(std::move(work)); }, [] { return 0ms; },
      "name of b");
  cluster::cluster talk(loops, again, "name of b");
  listens.to = &talk;
  talk.serve("echo",
             [](std::string_view body, const cluster::cluster::respond& say) { say("anew " + std::string(body)); });
  CHECK(bodies(f.ask("name of b", "echo", "x")) == list{"name of b: anew x"});
  CHECK(f.ask("b", "echo", "x").unknown);
}

TEST_CASE("nobody serves the subject: silent at once") {
  three f;
  f.nodes[2].talk.serve("rare", [](std::string_view, const cluster::cluster::respond& say) { say("yes"); });
  const auto got = f.ask_all("rare", "x");
  CHECK(bodies(got) == list{"name of c: yes"});
  CHECK(got.silent == list{"name of a", "name of b"});
  CHECK(f.ask("b", "rare", "x").silent == list{"b"});
}

TEST_CASE("answers may come later and from any thread, and count once") {
  three f;
  std::vector<std::thread> threads;
  for (auto& each : f.nodes)
    each.talk.serve("slow", [&threads](std::string_view, const cluster::cluster::respond& say) {
      threads.emplace_back([say] {
        say("first");
        say("second");
      });
    });
  const auto got = f.ask_all("slow", "");
  for (auto& each : threads) each.join();
  CHECK(bodies(got) == list{"name of a: first", "name of b: first", "name of c: first"});
}

TEST_CASE("questions of one loop to one node arrive in order, those by a name nobody has looked up yet too") {
  three f;
  std::string seen;
  f.nodes[1].talk.serve("note", [&](std::string_view body, const cluster::cluster::respond& say) {
    seen += body;
    say("");
  });
  int answered = 0;
  for (char c = 'a'; c <= 'z'; ++c)
    f.nodes[0].talk.ask(c % 2 == 0 ? "b" : "name of b", "note", std::string(1, c), 5s,
                        [&](const answers&) { ++answered; });
  REQUIRE(f.until([&] { return answered == 26; }));
  CHECK(seen == "abcdefghijklmnopqrstuvwxyz");
}

TEST_CASE("long questions and answers come whole; too long ones are refused") {
  three f;
  f.serve_echo();
  const std::string large(5 * cluster::max_part + 17, 'x');
  const auto got = f.ask_all("echo", large);
  REQUIRE(got.from.size() == 3);
  for (const auto& each : got.from) CHECK(each.body.substr(1) == " heard " + large);
  CHECK(f.ask("b", "echo", std::string(cluster::max_body + 1, 'x')).silent == list{"b"});
  f.nodes[1].talk.serve("flood", [](std::string_view, const cluster::cluster::respond& say) {
    say(std::string(cluster::max_body + 1, 'x'));
  });
  CHECK(f.ask("b", "flood", "").silent == list{"b"});
}

TEST_CASE(
    "the backplane is away: the own answer counts, those known before are named, and that it is unsure is said") {
  three f;
  f.serve_echo();
  f.nodes[0].door.away = true;
  auto got = f.ask_all("echo", "x", 60ms);
  CHECK(bodies(got) == list{"name of a: a heard x"});
  CHECK(got.silent.empty());
  CHECK(got.unsure);
  CHECK(f.ask("b", "echo", "x", 60ms).silent == list{"b"});
  f.nodes[0].door.away = false;
  CHECK(f.ask_all("echo", "x").from.size() == 3);
  f.nodes[0].door.away = true;
  got = f.ask_all("echo", "x", 60ms);
  CHECK(got.silent == list{"name of b", "name of c"});
  CHECK(got.unsure);
  const auto one = f.ask("b", "echo", "x", 60ms);
  CHECK(one.silent == list{"b"});
  CHECK_FALSE(one.unknown);
}

TEST_CASE("a node that is busy itself is waited for: it is alive") {
  three f;
  std::vector<cluster::cluster::respond> owed;
  f.nodes[0].talk.serve("slow",
                        [&](std::string_view, cluster::cluster::respond say) { owed.push_back(std::move(say)); });
  for (std::size_t i : {1U, 2U})
    f.nodes[i].talk.serve("slow", [](std::string_view, const cluster::cluster::respond& say) { say("theirs"); });
  f.nodes[1].frozen = true;
  std::vector<answers> got;
  const auto keep = [&](answers what) { got.push_back(std::move(what)); };
  f.nodes[0].talk.ask_all("slow", "", 30ms, keep);
  f.nodes[0].talk.ask("a", "slow", "", 30ms, keep);
  const auto later = std::chrono::steady_clock::now() + 200ms;
  f.until([&] { return std::chrono::steady_clock::now() > later; });
  CHECK(got.empty());
  REQUIRE(owed.size() == 2);
  for (auto& say : owed) say("own");
  REQUIRE(f.until([&] { return got.size() == 2; }));
  CHECK(bodies(got[0]) == list{"name of a: own", "name of c: theirs"});
  CHECK(got[0].silent == list{"name of b"});
  CHECK(bodies(got[1]) == list{"name of a: own"});
  CHECK(got[1].silent.empty());
}

TEST_CASE("questions that wait are bounded, and one beyond is answered at once") {
  three f;
  f.nodes[1].frozen = true;
  f.serve_echo();
  std::size_t answered = 0;
  for (std::size_t i = 0; i < cluster::max_questions; ++i)
    f.nodes[0].talk.ask("b", "echo", "x", 1h, [&](const answers&) { ++answered; });
  const auto beyond = f.ask("b", "echo", "x", 1h);
  CHECK(beyond.silent == list{"b"});
  CHECK(beyond.busy);
  CHECK(answered == 0);
  f.nodes[1].frozen = false;
  CHECK(f.until([&] { return answered == cluster::max_questions; }));
}

TEST_CASE("the bytes of questions that wait are bounded too, and are given back") {
  three f;
  f.nodes[1].frozen = true;
  f.serve_echo();
  std::size_t answered = 0;
  const std::string large(cluster::max_body, 'x');
  for (std::size_t i = 0; i < cluster::max_question_bytes / cluster::max_body; ++i)
    f.nodes[0].talk.ask("b", "echo", large, 1h, [&](const answers&) { ++answered; });
  CHECK(f.ask("b", "echo", "x", 1h).busy);
  f.nodes[1].frozen = false;
  CHECK(f.until([&] { return answered == cluster::max_question_bytes / cluster::max_body; }));
  CHECK_FALSE(f.ask("b", "echo", "x").busy);
}

TEST_CASE("a node that says goodbye is not waited for, nor named, though it is still listed") {
  three f;
  std::vector<cluster::cluster::respond> kept;
  for (auto& each : f.nodes)
    each.talk.serve("slow", [&](std::string_view, cluster::cluster::respond say) {
      if (&each == &f.nodes[1])
        kept.push_back(std::move(say)); // it ends before it answers
      else
        say("here");
    });
  std::vector<answers> got;
  f.nodes[0].talk.ask_all("slow", "", 1h, [&](answers what) { got.push_back(std::move(what)); });
  f.nodes[2].talk.ask("b", "slow", "", 1h, [&](answers what) { got.push_back(std::move(what)); });
  REQUIRE(f.until([&] { return kept.size() == 2; }));
  CHECK(got.empty());
  bool told = false;
  f.nodes[1].talk.leave([&] { told = true; });
  REQUIRE(f.until([&] { return told && got.size() == 2; }));
  for (const auto& each : got) {
    if (each.unknown) {
      CHECK(each.silent == list{"b"});
    } else {
      CHECK(bodies(each) == list{"name of a: here", "name of c: here"});
      CHECK(each.silent.empty());
    }
  }
  CHECK(f.ask_all("slow", "").silent.empty());
  CHECK(f.ask("name of b", "slow", "").unknown);
}
