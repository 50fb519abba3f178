#include "backplane/memory_backplane.hpp"
#include "tests/backplane/contract.hpp"

#include <array>
#include <atomic>
#include <thread>

using namespace plexus::backplane;
using namespace plexus::backplane::contract;
using namespace std::chrono_literals;

namespace {

class memory_fixture final : public fixture {
public:
  memory_fixture() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      auto& queue = queues_[i];
      nodes_[i] = std::make_unique<memory_backplane>(
          store, "node-" + std::to_string(i), heard_[i],
          [&queue](std::string_view, backplane::task task) { queue.add(std::move(task)); },
          [this] { return milliseconds{now_.load()}; });
    }
  }
  ~memory_fixture() override { settle(); }

  backplane& node(std::size_t which) override { return *nodes_[which]; }
  heard& at(std::size_t which) override { return heard_[which]; }
  void settle() override {
    for (bool more = true; more;) {
      more = false;
      for (auto& queue : queues_) more = queue.run() > 0 || more;
    }
  }
  void advance(milliseconds by) override {
    now_ += by.count();
    for (auto& node : nodes_)
      if (node) node->tick();
    settle();
  }
  void lose(std::size_t which) override { nodes_[which].reset(); }
  [[nodiscard]] milliseconds unit() const override { return 1000ms; }
  [[nodiscard]] milliseconds forgotten_after(const retention& keep) const override { return keep.ttl; }

  [[nodiscard]] milliseconds now() const override { return milliseconds{now_.load()}; }
  std::shared_ptr<memory_store> store = std::make_shared<memory_store>();

private:
  std::atomic<std::int64_t> now_{1'700'000'000'000};
  std::array<task_queue, 3> queues_;
  std::array<heard, 3> heard_;
  std::array<std::unique_ptr<memory_backplane>, 3> nodes_;
};

const memory_store::counts empty{};

} // namespace

PLEXUS_BACKPLANE_CONTRACT("memory", memory_fixture)

TEST_CASE("memory: a channel without a log is gone with its last use") {
  memory_fixture f;
  append(f, 0, "c", no_log, said("a"));
  CHECK(f.store->size() == empty);
  leave(f, 0, "c", "c1");
  members(f, 0, "c");
  remove_history(f, 0, "c");
  recover(f, 0, "c", no_log, {"", 0});
  CHECK(f.store->size() == empty);

  subscribe(f, 0, "c", no_log);
  subscribe(f, 1, "c", no_log);
  enter(f, 0, "c", {"ann", "c1", "", ""});
  unsubscribe(f, 0, "c");
  unsubscribe(f, 1, "c");
  CHECK(f.store->size().channels == 1);
  leave(f, 0, "c", "c1");
  CHECK(f.store->size() == empty);
}

TEST_CASE("memory: a channel waits for what lives longest, then nothing is left") {
  memory_fixture f;
  const retention keep{10, 10s};
  SUBCASE("its history") {
    append(f, 0, "c", keep, said("a"));
  }
  SUBCASE("its position, first looked at") {
    history(f, 0, "c", keep);
  }
  SUBCASE("its position after the last unsubscribe") {
    subscribe(f, 0, "c", keep);
    unsubscribe(f, 0, "c");
  }
  SUBCASE("a key, in a channel without a log") {
    append(f, 0, "c", no_log, said("a", "key", 10s));
  }
  SUBCASE("a key longer than the history") {
    append(f, 0, "c", {10, 1s}, said("a", "key", 10s));
  }
  SUBCASE("a key shorter than the history") {
    append(f, 0, "c", keep, said("a", "key", 1s));
  }
  SUBCASE("its position after the history was removed") {
    append(f, 0, "c", keep, said("a"));
    remove_history(f, 0, "c");
  }
  SUBCASE("its position after its node was lost") {
    subscribe(f, 2, "c", keep);
    f.lose(2);
  }
  CHECK(f.store->size() == memory_store::counts{1, 0, 1});
  f.advance(9999ms);
  CHECK(f.store->size() == memory_store::counts{1, 0, 1});
  f.advance(1ms);
  CHECK(f.store->size() == empty);
}

TEST_CASE("memory: an occupied channel waits for nobody, and frees its history") {
  memory_fixture f;
  subscribe(f, 0, "c", {10, 10s});
  CHECK(f.store->size() == memory_store::counts{1, 0, 0});
  std::weak_ptr<const plexus::protocol::publication> kept = append(f, 0, "c", {10, 10s}, said("a")).publication;
  CHECK_FALSE(kept.expired());
  CHECK(f.store->size().due == 1);
  f.advance(10s);
  CHECK(kept.expired());
  CHECK(f.store->size() == memory_store::counts{1, 0, 0});
  unsubscribe(f, 0, "c");
  f.advance(10s);
  CHECK(f.store->size() == empty);
}

TEST_CASE("memory: a channel that waits for long goes earlier when less is needed") {
  memory_fixture f;
  subscribe(f, 0, "c", {10, 60s});
  append(f, 0, "c", {10, 60s}, said("a"));
  remove_history(f, 0, "c");
  subscribe(f, 0, "c", {10, 1s}); // the configuration was read again
  unsubscribe(f, 0, "c");
  f.advance(1s);
  CHECK(f.store->size() == empty);
}

TEST_CASE("memory: leases that ran out are dropped") {
  memory_fixture f;
  acquire(f, 0, "a", "one", 5s);
  acquire(f, 0, "b", "one", 10s);
  f.advance(5s);
  CHECK(f.store->size().leases == 1);
  release(f, 0, "b", "one");
  CHECK(f.store->size() == empty);
}

TEST_CASE("memory: 10,000 channels come and go and nothing stays") {
  memory_fixture f;
  const retention keep{10, 10s};
  for (int i = 0; i < 10'000; ++i) {
    const auto name = "channel:" + std::to_string(i);
    const auto node = static_cast<std::size_t>(i % 2);
    f.node(node).subscribe(name, i % 4 < 2 ? keep : no_log, {});
    f.node(node).enter(name, {"u", "c", "", ""}, {});
    f.node(1 - node).append(name, i % 4 < 2 ? keep : no_log, said("x", i % 3 == 0 ? "key" : "", 5s), {});
  }
  CHECK(f.store->size().channels == 10'000);
  f.settle();
  for (int i = 0; i < 10'000; ++i) {
    const auto name = "channel:" + std::to_string(i);
    f.node(0).leave(name, "c", {});
    f.node(0).unsubscribe(name);
    f.node(1).unsubscribe(name);
  }
  f.settle();
  CHECK(f.store->size().channels == 5'000 + 5'000 / 3 + 1); // with history, and of the rest those with a key
  CHECK(f.store->size().due == f.store->size().channels);
  f.advance(5s);
  CHECK(f.store->size().channels == 5'000);
  f.advance(5s);
  CHECK(f.store->size() == empty);
}

TEST_CASE("memory: a tick frees a bounded part and the next ones the rest; new channels help") {
  memory_fixture f;
  constexpr std::size_t many = 150'000;
  for (std::size_t i = 0; i < many; ++i) f.node(0).history(std::to_string(i), {10, 1s}, {}, {});
  auto before = f.store->size().channels;
  CHECK(before == many);
  f.store->sweep(f.now() + 1s);
  CHECK(f.store->size().channels < before);
  CHECK(f.store->size().channels > before / 2);
  f.advance(1s); // three ticks
  CHECK(f.store->size() == empty);

  for (std::size_t i = 0; i < 1000; ++i) f.node(0).history(std::to_string(i), {10, 1s}, {}, {});
  f.store->sweep(f.now()); // nothing is over yet
  CHECK(f.store->size().channels == 1000);
}

TEST_CASE("memory: a new channel frees one that is over, without a tick") {
  memory_store store;
  milliseconds now = 0ms;
  const clock_function clock = [&now] { return now; };
  const auto look = [&](const std::string& name) {
    memory_store::step at(store, name, clock);
    at.open().log.look(1s, at.now());
  };
  for (int i = 0; i < 20'000; ++i) {
    if (i == 10'000) now = 1s;
    look(std::to_string(i));
  }
  // Shards don't get exactly equal shares: a few that are over may be left.
  CHECK(store.size().channels < 10'500);
}

TEST_CASE("memory: a backplane that is gone isn't called, though tasks for it are queued") {
  memory_fixture f;
  subscribe(f, 1, "c", long_log);
  f.node(0).append("c", long_log, said("a"), {});
  f.node(0).enter("c", {"ann", "c1", "", ""}, {});
  f.lose(1);
  f.settle();
  CHECK(f.at(1).publications.empty());
  CHECK(f.at(1).changes.empty());
}

TEST_CASE("memory: what a node is told about a channel comes in the log's order, its own among the others'") {
  memory_fixture f;
  f.node(0).subscribe("c", long_log, {});
  f.node(1).subscribe("c", long_log, {});
  std::vector<std::uint64_t> order[2];
  const retention keep{2000, 1h};
  const auto run = [&](std::size_t node) {
    for (int i = 0; i < 200; ++i) {
      f.node(node).append("c", keep, said("x"), [&f, &order, node](auto what) {
        auto& heard = f.at(node).publications["c"];
        for (const auto& each : heard) order[node].push_back(each->offset);
        heard.clear();
        order[node].push_back(what->at.offset);
      });
    }
  };
  std::thread first(run, 0), second(run, 1);
  first.join();
  second.join();
  f.settle();
  for (std::size_t node : {0U, 1U}) {
    for (const auto& each : f.at(node).publications["c"]) order[node].push_back(each->offset);
    REQUIRE(order[node].size() == 400);
    for (std::size_t i = 0; i < 400; ++i) CHECK(order[node][i] == i + 1);
  }
}

TEST_CASE("memory: all calls at once from several threads leave a clean store") {
  memory_fixture f;
  const auto run = [&f](std::size_t node) {
    for (int i = 0; i < 2000; ++i) {
      const auto name = "c" + std::to_string(i % 50);
      auto& plane = f.node(node);
      const retention keep{5, 1s};
      plane.subscribe(name, keep, {});
      plane.append(name, keep, said("x", "key" + std::to_string(i % 7), 1s), {});
      plane.enter(name, {"u", "client-" + std::to_string(node), "", std::to_string(i)}, {});
      plane.recover(name, keep, {"", 0}, 10, {});
      plane.history(name, keep, {}, {});
      plane.members(name, {});
      plane.acquire_lease(name, "holder-" + std::to_string(node), 1s, {});
      if (i % 3 == 0) plane.remove_history(name, {});
      if (i % 10 == 0) plane.tick();
      plane.release_lease(name, "holder-" + std::to_string(node), {});
      plane.leave(name, "client-" + std::to_string(node), {});
      plane.unsubscribe(name);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t node = 0; node < 3; ++node) threads.emplace_back(run, node);
  for (auto& each : threads) each.join();
  f.settle();
  f.advance(1s);
  CHECK(f.store->size() == empty);
}

TEST_CASE("memory: notices are bounded, and those that are over make room") {
  memory_notices kept;
  for (std::size_t i = 0; i < max_notices; ++i) REQUIRE(kept.put({std::to_string(i), 1, 10s}, 0s));
  CHECK_FALSE(kept.put({"one more", 1, 10s}, 0s));
  CHECK(kept.put({"7", 2, 20s}, 0s) == notice{"7", 2, 20s}); // known: no new place
  CHECK(kept.drop("8"));
  CHECK(kept.put({"one more", 1, 30s}, 0s));
  CHECK(kept.put({"later", 1, 30s}, 10s));
  kept.expire(10s, max_notices);
  CHECK(kept.size() == 3);
  CHECK(kept.all(20s).size() == 2);
}

TEST_CASE("memory: a node that comes later is told what holds") {
  memory_fixture f;
  f.settle();
  put_notice(f, 0, {"a", 1, f.now() + 5s});
  put_notice(f, 0, {"b", 1, f.now() + 1s});
  f.advance(2s);
  heard late;
  task_queue queue;
  memory_backplane node(
      f.store, "late", late, [&queue](std::string_view, backplane::task task) { queue.add(std::move(task)); },
      [&f] { return f.now(); });
  put_notice(f, 0, {"c", 1, f.now() + 5s});
  queue.run();
  REQUIRE(late.all_told.size() == 1);
  CHECK(late.all_told[0].size() == 1);
  CHECK(late.all_told[0][0].key == "a");
  CHECK(late.notices.size() == 1);
  f.advance(10s);
  CHECK(f.store->size() == empty);
}
