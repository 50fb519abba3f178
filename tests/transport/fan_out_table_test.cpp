// Who gets which bytes, with members that note what they are given.
#include "transport/fan_out_table.hpp"

#include "actors/runtime/trace.hpp"
#include "transport/transport_metrics.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace plexus;
using namespace plexus::transport;

namespace {

struct member final : fan_out_member {
  void take(segment s, bool) override {
    (s.data->skippable != 0 ? skippable : lasting) += s.data->bytes.substr(s.from, s.size());
    got += s.data->bytes.substr(s.from, s.size());
  }
  /// The payloads of the frames so far, and none next time.
  std::vector<std::string> frames() {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < got.size();) {
      auto size = static_cast<std::size_t>(static_cast<unsigned char>(got[at + 1]));
      at += 2;
      if (size == 126) {
        size = static_cast<std::size_t>(static_cast<unsigned char>(got[at])) << 8U |
               static_cast<unsigned char>(got[at + 1]);
        at += 2;
      }
      out.push_back(got.substr(at, size));
      at += size;
    }
    got.clear();
    return out;
  }
  std::string got;
  std::string skippable, lasting; ///< the same in two, by what may be skipped
};

/// One channel on one loop; keeps what deltas start from as the channel does.
struct stage_of_one {
  void publish(const std::string& data) {
    auto p = std::make_shared<protocol::publication>();
    p->data = data;
    p->offset = ++offset;
    table.emit(std::make_shared<const protocol::broadcast>(
        name, protocol::publication_push{p}, std::exchange(last, p), protocol::broadcast::clock::time_point{}));
  }
  void join(const std::string& client) {
    table.emit(std::make_shared<const protocol::broadcast>(name, protocol::join_push{{"u", client, {}, {}}},
                                                           protocol::broadcast::clock::time_point{}));
  }
  std::shared_ptr<const std::string> name = std::make_shared<const std::string>("c");
  fan_out_table table;
  protocol::publication_ptr last;
  std::uint64_t offset = 0;
};

bool holds(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

/// Long enough that a delta pays.
std::string state(int n) {
  return R"({"n":)" + std::to_string(n) + R"(,"pad":")" + std::string(80, 'p') + R"("})";
}

constexpr channel::subscriber_kind plain{false, false, false}, with_joins{true, false, false},
    deltas{false, true, false}, latest{false, false, true}, latest_deltas{false, true, true},
    latest_joins{true, false, true}, all_of_it{true, true, true};

} // namespace

TEST_CASE("with deltas the first publication is whole and the next are not") {
  stage_of_one s;
  member usual, delta;
  s.table.add(usual, "c", plain);
  s.publish(state(0));
  s.table.add(delta, "c", deltas);
  for (int n = 1; n <= 3; ++n) s.publish(state(n));
  s.table.close_batches();
  auto whole = usual.frames();
  REQUIRE(whole.size() == 4);
  for (auto& f : whole) CHECK(holds(f, R"("data":{"n":)"));
  auto got = delta.frames();
  REQUIRE(got.size() == 3);
  CHECK(holds(got[0], R"("data":"{\"n\":1,)"));
  CHECK_FALSE(holds(got[0], R"("delta")"));
  CHECK(holds(got[1], R"("delta":true)"));
  CHECK(got[1].size() < got[0].size());
  CHECK(holds(got[2], R"("delta":true)"));
}

TEST_CASE("with deltas a newcomer does not disturb the others, in one turn or over several") {
  stage_of_one s;
  member early, late;
  s.table.add(early, "c", deltas);
  s.publish(state(1));
  s.publish(state(2));
  s.table.close_batches();
  CHECK(early.frames().size() == 2);
  s.publish(state(3));
  s.table.add(late, "c", deltas);
  s.publish(state(4));
  s.table.close_batches();
  auto first = early.frames(), second = late.frames();
  REQUIRE(first.size() == 2);
  CHECK(holds(first[0], R"("delta":true)"));
  CHECK(holds(first[1], R"("delta":true)"));
  REQUIRE(second.size() == 1);
  CHECK_FALSE(holds(second[0], R"("delta")"));
  s.publish(state(5));
  s.table.close_batches();
  CHECK(holds(late.frames().at(0), R"("delta":true)"));
  s.table.remove(early, "c");
  s.table.remove(late, "c");
  CHECK(s.table.channels() == 0);
}

TEST_CASE("joins among deltas that may be skipped: a delta never stays where its base is skipped") {
  stage_of_one s;
  member one;
  s.table.add(one, "c", all_of_it);
  s.publish(state(0));
  s.join("first");
  s.publish(state(1));
  s.join("second");
  s.publish(state(2));
  s.table.close_batches();
  const auto frames = one.frames();
  REQUIRE(frames.size() == 5); // in order
  for (std::size_t i = 0; i < 5; ++i) CHECK(holds(frames[i], i % 2 == 0 ? R"("pub")" : R"("join")"));
  CHECK(holds(frames[4], R"("delta":true)"));
  CHECK_FALSE(holds(one.skippable, R"("join")"));
  CHECK_FALSE(holds(one.lasting, R"("pub")"));
}

TEST_CASE("a publication that has nothing in common with the last is whole") {
  stage_of_one s;
  member one;
  s.table.add(one, "c", deltas);
  s.publish(state(1));
  s.publish(R"("entirely different")");
  s.table.close_batches();
  auto got = one.frames();
  CHECK(holds(got[1], R"("data":"\"entirely different\"")"));
  CHECK_FALSE(holds(got[1], R"("delta")"));
}

TEST_CASE("who is behind gets the newest publication once it takes more") {
  stage_of_one s;
  member slow, quick;
  s.table.add(slow, "c", latest);
  s.table.add(quick, "c", latest);
  s.publish("1");
  s.table.close_batches();
  CHECK(slow.frames().size() == 1);
  const auto skipped = metrics::skipped.value();
  s.table.put_behind(slow);
  for (int n = 2; n <= 5; ++n) {
    s.publish(std::to_string(n));
    s.table.close_batches();
  }
  CHECK(slow.got.empty());
  CHECK(quick.frames().size() == 5);
  CHECK(metrics::skipped.value() == skipped + 3);
  s.table.catch_up(slow);
  auto got = slow.frames();
  REQUIRE(got.size() == 1);
  CHECK(holds(got[0], R"("data":5)"));
  CHECK(holds(got[0], R"("offset":5)"));
  s.publish("6");
  s.table.close_batches();
  CHECK(slow.frames().size() == 1);
}

TEST_CASE("a trace tells how many a publication went to, and for how many it was skipped") {
  struct watcher final : runtime::trace::watcher {
    void see(const runtime::trace::step& s) override {
      seen.push_back(std::string(s.what) + " " + std::string(s.kind) + " " + std::to_string(s.number) + " " +
                     std::string(s.why.substr(0, s.why.find(" whose"))));
    }
    std::vector<std::string> seen;
  } all;
  stage_of_one s;
  member slow, quick;
  s.table.add(slow, "c", latest);
  s.table.add(quick, "c", {});
  runtime::trace::current = &all;
  s.publish("1");
  s.table.put_behind(slow);
  s.publish("2");
  s.table.remove_all(quick);
  s.publish("3");
  runtime::trace::current = nullptr;
  s.table.close_batches();
  CHECK(all.seen ==
        std::vector<std::string>{"out publication 1 to 2 subscribers", "out publication 2 to 1 subscriber",
                                 "decision skipped 2 for 1 subscriber", "decision skipped 3 for 1 subscriber"});
}

TEST_CASE("nothing comes twice to who was behind while nothing was published") {
  stage_of_one s;
  member slow;
  s.table.add(slow, "c", latest);
  s.publish("1");
  s.table.close_batches();
  CHECK(slow.frames().size() == 1);
  s.table.put_behind(slow);
  s.table.catch_up(slow);
  CHECK(slow.got.empty());
}

TEST_CASE("joins are not skipped") {
  stage_of_one s;
  member slow;
  s.table.add(slow, "c", latest_joins);
  s.table.put_behind(slow);
  s.join("a");
  s.publish("1");
  s.join("b");
  s.publish("2");
  s.table.close_batches();
  CHECK(slow.frames().size() == 2);
  s.table.catch_up(slow);
  CHECK(slow.frames().size() == 1);
}

TEST_CASE("a delta never starts from what was skipped") {
  stage_of_one s;
  member slow;
  s.table.add(slow, "c", latest_deltas);
  s.publish(state(1));
  s.publish(state(2));
  s.table.close_batches();
  CHECK(slow.frames().size() == 2);
  s.table.put_behind(slow);
  for (int n = 3; n <= 5; ++n) s.publish(state(n));
  s.table.close_batches();
  s.table.catch_up(slow);
  s.publish(state(6));
  s.table.close_batches();
  auto got = slow.frames();
  REQUIRE(got.size() == 2);
  CHECK(holds(got[0], R"("data":"{\"n\":5,)"));
  CHECK(holds(got[1], R"("delta":true)")); // from 5, which it has
}

TEST_CASE("what was dropped from a queue waits again, if it was the newest") {
  stage_of_one s;
  member slow;
  s.table.add(slow, "c", latest);
  s.publish("1");
  s.table.close_batches();
  slow.got.clear();
  const std::uint64_t dropped[] = {1, 99};
  s.table.put_behind(slow, dropped);
  s.table.catch_up(slow);
  CHECK(holds(slow.frames().at(0), R"("data":1)"));
  const std::uint64_t other[] = {99};
  s.table.put_behind(slow, other);
  s.table.catch_up(slow);
  CHECK(slow.got.empty());
}

TEST_CASE("who subscribes while behind gets what comes from then on") {
  stage_of_one s;
  member slow, quick;
  s.table.add(quick, "c", latest);
  s.table.put_behind(slow);
  s.publish("1");
  s.table.add(slow, "c", latest);
  s.table.catch_up(slow);
  CHECK(slow.got.empty());
  s.table.put_behind(slow);
  s.publish("2");
  s.table.catch_up(slow);
  CHECK(holds(slow.frames().at(0), R"("data":2)"));
}

TEST_CASE("members may leave in any state and any order") {
  stage_of_one s;
  std::vector<std::unique_ptr<member>> all;
  const channel::subscriber_kind kinds[] = {plain, with_joins, deltas, latest, latest_deltas, latest_joins};
  for (int i = 0; i < 60; ++i) {
    all.push_back(std::make_unique<member>());
    s.table.add(*all.back(), "c", kinds[i % 6]);
    if (i % 4 == 0) s.table.put_behind(*all.back());
    if (i % 3 == 0) s.publish(state(i));
  }
  for (std::size_t i = 0; i < all.size(); i += 2) s.table.remove_all(*all[i]);
  s.publish(state(100));
  for (std::size_t i = 1; i < all.size(); i += 4) s.table.catch_up(*all[i]);
  s.publish(state(101));
  s.table.close_batches();
  for (std::size_t i = 1; i < all.size(); i += 2) {
    CHECK_FALSE(all[i]->frames().empty());
    s.table.remove_all(*all[i]);
  }
  CHECK(s.table.channels() == 0);
}

TEST_CASE("what waits is counted once however many share it") {
  const auto before = chunk::held;
  {
    stage_of_one s;
    struct keeper final : fan_out_member {
      void take(segment x, bool) override { kept.push_back(std::move(x)); }
      std::vector<segment> kept;
    };
    keeper a, b;
    s.table.add(a, "c", plain);
    s.table.add(b, "c", plain);
    s.publish('"' + std::string(10'000, 'x') + '"');
    s.table.close_batches();
    CHECK(chunk::held - before > 10'000);
    CHECK(chunk::held - before < 25'000);
    a.kept.clear();
    CHECK(chunk::held - before > 10'000);
  }
  CHECK(chunk::held == before);
}

TEST_CASE("a message is counted for those who get it, also for who comes or goes in the midst of a batch") {
  stage_of_one s;
  member early, late, delta, leaving;
  s.table.add(early, "c", plain);
  s.table.add(leaving, "c", plain);
  s.table.add(delta, "c", deltas);
  const auto before = metrics::messages_out.value();
  s.publish(state(1));
  s.table.add(late, "c", plain);
  s.table.remove(leaving, "c");
  s.publish(state(2));
  s.table.close_batches();
  CHECK(early.frames().size() == 2);
  CHECK(late.frames().size() == 1);
  CHECK(delta.frames().size() == 2);
  CHECK(leaving.frames().size() == 1);
  CHECK(metrics::messages_out.value() - before == 6);
  s.table.remove_all(early);
  s.table.remove_all(late);
  s.table.remove_all(delta);
}
