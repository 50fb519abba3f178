#pragma once
// A channel with a port that notes and a real in-process backplane; no loops, no actors.

#include "actors/channel/channel.hpp"
#include "backplane/memory_backplane.hpp"
#include "backplane/memory_store.hpp"

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace plexus::channel::testing {

using namespace std::chrono_literals;

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
  void ask_actor(extension::command what, std::function<void(const extension::delivered&)> done) override {
    asked.emplace_back(std::move(what), std::move(done));
  }
  void idle() override { is_idle = true; }
  void in_use() override { is_idle = false; }
  std::vector<std::pair<extension::command, std::function<void(const extension::delivered&)>>> asked;
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
      it(std::make_shared<plexus::channel::channel>(std::make_shared<const std::string>("chat:x"), options, loops,
                                                    plane, port)) {}

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
  std::shared_ptr<plexus::channel::channel> it;
  std::vector<std::pair<std::string, outcome<subscribed>>> answers;
  std::vector<outcome<backplane::appended>> appends;
};

inline config::channel_options with_history(std::size_t size = 100) {
  config::channel_options o;
  o.history_size = size;
  o.history_ttl = 1h;
  return o;
}

} // namespace plexus::channel::testing
