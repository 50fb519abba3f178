// What an instance remembers of commands it has answered: by number, and by a client's key.

#include "actors/extension/instance.hpp"

#include "tests/actors/extension/sample_actors.hpp"

#include <doctest/doctest.h>

using namespace plexus;
using namespace plexus::extension;
using namespace std::chrono_literals;
using plexus::testing::counter;

namespace {

struct bench final : monitor {
  explicit bench(const limits& with = {}) : most(with) { begin(); }
  void forgot_key() override { ++forgotten; }
  // As after the node's death: from what was kept.
  void begin() {
    it = std::make_unique<instance>(
        "c:1", []() -> std::unique_ptr<channel_actor> { return std::make_unique<counter>(); }, most, *this);
    it->restore(snapshot, log);
    it->start(it->how_it_was_left(), now);
    take();
  }
  commit take() {
    auto out = it->take();
    if (out.snapshot) {
      snapshot = out.facts;
      log.clear();
    } else if (!out.facts.empty()) {
      log.push_back(out.facts);
    }
    return out;
  }
  bool give(command what, const std::string& origin, std::uint64_t number, const std::string& key = {}) {
    what.origin = origin;
    what.number = number;
    what.key = key;
    return it->run(what, now);
  }
  static command call(const std::string& verb) {
    command c;
    c.who = {"ann", "ann", {}, "n"};
    c.verb = verb;
    c.data = "{}";
    return c;
  }
  static command publish(const std::string& client) {
    command c;
    c.what = command::kind::publish;
    c.who = {client, client, {}, {}};
    c.data = "1";
    return c;
  }

  limits most;
  time_point now{100h};
  std::string snapshot;
  std::vector<std::string> log;
  std::unique_ptr<instance> it;
  int forgotten = 0;
};

} // namespace

TEST_CASE("after finish nothing is run, and what was answered before it is still known") {
  bench b;
  b.give(b.call("add"), "n", 1, "k");
  b.give(b.call("finish"), "n", 2);
  CHECK_FALSE(b.give(b.call("add"), "n", 3));
  b.it->fire(b.now + 1h);
  auto out = b.take();
  CHECK(out.finished);
  CHECK(out.replies.size() == 2);
  CHECK_FALSE(b.give(b.call("add"), "n", 3)); // nor by the old object later
  b.begin();
  CHECK(b.give(b.call("finish"), "n", 2));
  out = b.take();
  CHECK_FALSE(out.finished); // it is done already
  REQUIRE(out.replies.size() == 1);
  b.give(b.call("add"), "n", 3);
  CHECK(b.take().replies.at(0).what.data == R"({"n":1})");
  b.give(b.call("add"), "n", 4, "k");
  CHECK(b.take().replies.at(0).what.data == R"({"n":1})");
}

TEST_CASE("a call that was put off is known by its key: whoever repeats it gets the same answer") {
  bench b;
  b.give(b.call("later"), "n", 1, "k");
  CHECK(b.take().replies.at(0).what.later);
  b.begin();
  b.give(b.call("later"), "m", 7, "k");
  CHECK(b.take().replies.at(0).what.later);
  b.begin();
  b.give(b.call("answer"), "n", 2);
  const auto out = b.take();
  REQUIRE(out.replies.size() == 3); // both of them, and the answering call
  CHECK(out.replies[0].origin == "n");
  CHECK(out.replies[1].origin == "m");
  CHECK(out.replies[1].number == 7);
  for (std::size_t i : {0U, 1U}) {
    CHECK(out.replies[i].late);
    CHECK(out.replies[i].what.data == R"({"n":0})");
  }
  b.begin();
  b.give(b.call("add"), "n", 3);
  b.give(b.call("later"), "n", 4, "k");
  const auto again = b.take();
  CHECK_FALSE(again.replies.at(1).what.later);
  CHECK(again.replies.at(1).what.data == R"({"n":0})");
}

TEST_CASE("a key holds although the node that asked first gave up") {
  bench b;
  b.give(b.call("later"), "n", 1, "k");
  auto other = b.call("later");
  other.acked = 1; // it was told that it failed
  b.give(other, "n", 2, "k");
  b.give(b.call("answer"), "n", 3);
  const auto out = b.take();
  CHECK(std::count_if(out.replies.begin(), out.replies.end(), [](const auto& r) { return r.late; }) == 1);
}

TEST_CASE("a publication given again is looked for where it is, not where another one is") {
  bench b;
  b.give(b.publish(""), "n", 1);
  b.give(b.publish("ann"), "n", 2);
  const auto first = b.take();
  CHECK_FALSE(first.publications.at(0).key.empty());
  CHECK(first.publications.at(0).own_key);
  b.begin();
  b.give(b.publish("ann"), "m", 1);
  b.give(b.publish(""), "n", 1);
  b.give(b.publish("ann"), "n", 2);
  const auto out = b.take();
  REQUIRE(out.replies.size() == 3);
  CHECK(out.replies[1].what.published);
  CHECK(out.replies[1].key == first.publications[0].key);
  CHECK_FALSE(out.replies[2].what.published); // a client isn't told where it is
}

TEST_CASE("answers of a node that is gone are dropped after a while") {
  bench b;
  for (std::uint64_t i = 1; i <= 3; ++i) b.give(b.call("much"), "dead-" + std::to_string(i), 1);
  b.it->want_snapshot();
  CHECK(b.take().facts.find("dead-1") != std::string::npos);
  b.now += 30s;
  b.begin(); // counts anew: nobody knows how long this took
  b.now += 59s;
  b.give(b.call("get"), "n", 1);
  b.it->want_snapshot();
  CHECK(b.take().facts.find("dead-1") != std::string::npos);
  b.now += 2s;
  b.give(b.call("get"), "n", 2);
  b.it->want_snapshot();
  const auto kept = b.take().facts;
  CHECK(kept.find("dead-") == std::string::npos);
  CHECK(b.give(b.call("get"), "n", 2)); // that of one that lives is there
}

TEST_CASE("keys and their answers take no more than their bound; what goes early is counted") {
  limits with;
  with.max_key_bytes = 10'000;
  bench b(with);
  for (std::uint64_t i = 1; i <= 100; ++i)
    b.give(b.call("add"), "n", i, std::string(100, 'k') + std::to_string(i) + ".");
  CHECK(b.forgotten > 40);
  b.it->want_snapshot();
  CHECK(b.take().facts.find(std::string(100, 'k') + "1.") == std::string::npos);
  b.give(b.call("add"), "n", 101, std::string(100, 'k') + "100.");
  CHECK(b.take().replies.at(0).what.data == R"({"n":100})");
  b.now += 6min;
  const auto early = b.forgotten;
  b.give(b.call("add"), "n", 102, "other");
  CHECK(b.forgotten == early); // those had their time
}

TEST_CASE("an answer that is too large for a message is error 106, and its command has not happened") {
  limits with;
  with.max_answer = 1000;
  bench b(with);
  auto c = b.call("much");
  c.data = R"({"size":2000})";
  b.give(c, "n", 1);
  CHECK(b.take().replies.at(0).what.code == 106);
}

TEST_CASE("a large picture isn't kept: whoever asks again is shown it as it is by then, and came once") {
  bench b;
  command in;
  in.what = command::kind::subscribe;
  in.who = {"p", "painter", {}, "m"};
  b.give(in, "m", 1);
  const auto first = b.take();
  CHECK(first.replies.at(0).what.data.size() > 20'000);
  CHECK(first.facts.size() < 1000);
  b.begin();
  b.give(b.call("add"), "n", 1);
  b.take();
  b.give(in, "m", 1);
  const auto again = b.take();
  CHECK(again.replies.at(0).what.data.starts_with(R"({"n":3,)"));
  CHECK(again.publications.empty());
  CHECK(b.it->members().size() == 1);
  b.give(b.call("get"), "n", 2);
  CHECK(b.take().replies.at(0).what.data == R"({"n":2})");
}

TEST_CASE("a removal that nobody was told of is told after a rebuild; the member goes as removed") {
  bench b;
  command in;
  in.what = command::kind::subscribe;
  in.who = {"bob", "bob", {}, "m"};
  b.give(in, "n", 1);
  auto kick = b.call("kick");
  kick.data = R"({"client":"bob"})";
  b.give(kick, "n", 2);
  CHECK(b.take().removals.size() == 1);
  b.it = std::make_unique<instance>(
      "c:1", []() -> std::unique_ptr<channel_actor> { return std::make_unique<counter>(); }, b.most, b);
  b.it->restore(b.snapshot, b.log);
  b.it->start(start_reason::rescued, b.now);
  CHECK(b.take().removals.size() == 1);
  auto out = in;
  out.what = command::kind::unsubscribe;
  b.give(out, "n", 3);
  CHECK(b.take().publications.at(0).data == R"({"gone":"bob","why":2})");
}

TEST_CASE("an object that can't be made again says so") {
  struct moody : counter {
    void loaded() override {
      if (armed) throw std::runtime_error("not again");
    }
    static bool& flag() {
      static bool on = false;
      return on;
    }
    bool armed = flag();
  };
  bench b;
  b.it = std::make_unique<instance>(
      "c:1", []() -> std::unique_ptr<channel_actor> { return std::make_unique<moody>(); }, b.most, b);
  b.it->restore({}, {});
  b.it->start(start_reason::first, b.now);
  moody::flag() = true;
  b.give(b.call("fail"), "n", 1);
  CHECK(b.it->broken());
  moody::flag() = false;
}
