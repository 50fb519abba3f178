#pragma once
// Up to three nodes' backplanes in one process, on a real Redis. Each has a loop with a thread of its own for its
// I/O; answers and news wait until the test lets them in.

#include "backplane/redis/redis_backplane.hpp"
#include "tests/backplane/contract_fixture.hpp"
#include "tests/backplane/redis/server.hpp"

#include <array>
#include <chrono>
#include <future>
#include <thread>

namespace plexus::backplane::redis::testing {

using namespace std::chrono_literals;

/// Shorter than those of a real node, for tests that wait for them.
inline tuning quick() {
  tuning t;
  t.lease = 1000ms;
  t.sweep = 250ms;
  t.sweep_step = 50ms;
  t.hold = 1500ms;
  t.append_wait = 900ms;
  t.answer_deadline = 1500ms;
  t.slow_answer = 500ms;
  t.block = 500ms;
  return t;
}

class cluster : public contract::fixture {
public:
  explicit cluster(server& with, tuning times = quick(), std::string url = {}, unsigned partitions = 1,
                   tls_settings tls = {}) :
      server_(with),
      times_(times),
      url_(url.empty() ? "redis://" + with.address() : std::move(url)),
      partitions_(partitions),
      tls_(std::move(tls)) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) start(i);
  }
  ~cluster() override {
    for (auto& each : nodes_) stop(each);
  }

  void start(std::size_t which) {
    auto& n = nodes_[which];
    options with;
    with.where = std::get<address>(parse_address(url_));
    with.tls = tls_;
    with.times = times_;
    with.partitions = partitions_;
    with.node_name = "node-" + std::to_string(which);
    n.loops = std::make_unique<runtime::runtime>(1);
    n.plane = std::make_unique<redis_backplane>(
        n.loops->at(0), with, n.heard, [&n](std::string_view, backplane::task t) { n.queue.add(std::move(t)); });
    std::promise<start_result> up;
    n.loops->start();
    n.loops->at(0).post([&] { n.plane->start([&](const start_result& how) { up.set_value(how); }); });
    n.started = up.get_future().get();
  }

  backplane& node(std::size_t which) override { return *nodes_[which].plane; }
  redis_backplane& plane(std::size_t which) { return *nodes_[which].plane; }
  contract::heard& at(std::size_t which) override { return nodes_[which].heard; }
  [[nodiscard]] const start_result& started(std::size_t which) const { return nodes_[which].started; }

  /// Twice through all nodes: in the first round everybody's steps are done, in the second everybody has read of
  /// them.
  void settle() override {
    for (int round = 0; round < 2; ++round) {
      run_queues();
      for (auto& each : nodes_) {
        if (!each.plane) continue;
        bool done = false;
        each.plane->sync([&done](const auto&) { done = true; });
        // The answer comes from the loop's thread straight into the queue.
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!done && std::chrono::steady_clock::now() < end) {
          run_queues();
          if (!done) std::this_thread::sleep_for(200us);
        }
      }
      run_queues();
    }
  }
  void advance(milliseconds by) override {
    std::this_thread::sleep_for(by);
    settle();
  }
  void lose(std::size_t which) override {
    stop(nodes_[which]);
    std::this_thread::sleep_for(times_.lease + times_.lease / 2);
  }
  [[nodiscard]] milliseconds now() const override {
    return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  }
  [[nodiscard]] milliseconds unit() const override { return 400ms; }
  [[nodiscard]] milliseconds forgotten_after(const retention& keep) const override {
    return std::max(keep.ttl, times_.channel_life()) * 5 / 4 + 300ms;
  }

  /// Lets the nodes' loops run until `true_` says so; false after a while.
  template <class Condition>
  bool until(const Condition& true_, milliseconds most = 5000ms) {
    const auto end = std::chrono::steady_clock::now() + most;
    while (std::chrono::steady_clock::now() < end) {
      run_queues();
      if (true_()) return true;
      std::this_thread::sleep_for(2ms);
    }
    return false;
  }
  void run_queues() {
    for (auto& each : nodes_) each.queue.run();
  }
  /// Ends the node as `kill -9` would.
  void kill(std::size_t which) { stop(nodes_[which]); }
  /// Ends the node as an operator does.
  void end(std::size_t which) {
    std::promise<void> left;
    nodes_[which].loops->at(0).post([&] { nodes_[which].plane->farewell([&left] { left.set_value(); }); });
    left.get_future().get();
    stop(nodes_[which]);
  }
  /// Runs something on the node's I/O loop and waits for it.
  template <class Act>
  void on_loop(std::size_t which, Act act) {
    std::promise<void> done;
    nodes_[which].loops->at(0).post([&] {
      act();
      done.set_value();
    });
    done.get_future().get();
  }
  /// The node's loop does nothing for so long, as in a paused process.
  void freeze(std::size_t which, milliseconds for_) {
    on_loop(which, [for_] { std::this_thread::sleep_for(for_); });
  }
  server& redis() { return server_; }

private:
  struct one {
    contract::task_queue queue;
    contract::heard heard;
    std::unique_ptr<runtime::runtime> loops;
    std::unique_ptr<redis_backplane> plane;
    start_result started;
  };
  static void stop(one& n) {
    if (!n.loops) return;
    n.loops->stop();
    n.plane.reset();
    n.loops.reset();
  }

  server& server_;
  tuning times_;
  std::string url_;
  unsigned partitions_;
  tls_settings tls_;
  std::array<one, 3> nodes_;
};

/// The name of that node's inbox.
inline std::string inbox_of(server& redis, const std::string& node) {
  const auto all = redis.ask({"HGETALL", "plexus:{p0}:nodes"});
  const auto at = all.find(node);
  REQUIRE(at != std::string::npos);
  return all.substr(at - 13, 12);
}

/// Appends and waits for the answer alone, for when another node stands still.
inline appended append_only(cluster& f, std::size_t node, const std::string& channel, const retention& keep,
                            draft what) {
  std::vector<outcome<appended>> got;
  f.node(node).append(channel, keep, std::move(what), [&](auto how) { got.push_back(std::move(how)); });
  REQUIRE(f.until([&] { return !got.empty(); }));
  REQUIRE(got[0].ok());
  return *got[0];
}

/// On the shared server, emptied.
class shared_cluster final : public cluster {
public:
  shared_cluster() : cluster(server::shared()) {}
};

} // namespace plexus::backplane::redis::testing
