#pragma once
// Channel actors on several nodes of one process: a shared store, and a network that the test can cut. Time is
// real, with short leases; every wait ends.

#include "actors/extension/host.hpp"
#include "actors/extension/metrics.hpp"
#include "actors/extension/network.hpp"
#include "actors/extension/plugins.hpp"

#include "backplane/memory_backplane.hpp"
#include "tests/actors/extension/sample_actors.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <map>

namespace plexus::extension::testing {

using namespace std::chrono_literals;
namespace bp = plexus::backplane;
namespace actors = plexus::testing;

struct one_node;

struct cluster_bench {
  explicit cluster_bench(std::size_t count, milliseconds lease = 300ms, milliseconds beyond = 5s);
  ~cluster_bench();
  /// Lets all live nodes run until `over`, for a minute at most.
  template <class Over>
  bool until(const Over& over) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!over()) {
      if (std::chrono::steady_clock::now() > end) return false;
      turn();
    }
    return true;
  }
  void turn();
  one_node& owner(const std::string& channel);
  /// A channel whose actor begins there.
  [[nodiscard]] std::string channel_of(const one_node& owner) const;
  /// Moves an actor by hand; empty, or why not.
  std::string move(one_node& from, const std::string& channel, const std::string& to);
  /// Of all actors that live there.
  [[nodiscard]] std::size_t members(one_node& on);
  [[nodiscard]] std::size_t owners(const std::string& channel);

  std::shared_ptr<bp::memory_store> store = std::make_shared<bp::memory_store>();
  std::deque<one_node> nodes;
  std::map<std::string, int> asked;
  std::size_t largest = 0; ///< of the questions and answers
  int lost = 0;            ///< so many questions with `lose` in them don't arrive
  std::string lose;
  milliseconds beyond_lease;
  milliseconds store_ahead{0};   ///< the store's clock, of the nodes'
  milliseconds patience = 200ms; ///< a question without an answer is given up after it
};

struct one_node final : bp::listener, surroundings, network {
  one_node(cluster_bench& of, const std::string& name, milliseconds lease) :
      all(of),
      uid(name),
      loops(1),
      plane(
          of.store, uid, *this,
          [this](std::string_view, bp::backplane::task work) { loops.at(0).post(std::move(work)); },
          [&of] {
            const auto now = std::chrono::steady_clock::now().time_since_epoch();
            return of.store_ahead + std::chrono::duration_cast<milliseconds>(now);
          }) {
    code.add_actor("counter",
                   []() -> std::unique_ptr<channel_actor> { return std::make_unique<actors::counter>(); });
    auto s = std::make_shared<config::settings>();
    s->backplane.lease = lease;
    auto& ns = s->namespaces["c"];
    ns.actor = "counter";
    ns.history_size = 10'000;
    ns.history_ttl = 1h;
    ns.actor_idle = 10s;
    settings = s;
    it = std::make_unique<host>(host_setup{loops, plane, code, *this, settings, uid, this, of.beyond_lease});
  }

  void published(const std::string& channel, bp::publication_ptr what) override {
    heard[channel].push_back(what->data);
  }
  void presence_changed(const std::string&, const bp::presence_change&) override {}
  void in_doubt(const std::string&) override {}
  void presence_in_doubt(const std::string&) override {}
  void unsubscribe(const std::string&, const member& who, std::uint16_t) override { kicked.push_back(who.client); }
  void set_presence(const std::string&, const member&, const std::string&) override {}

  void alive(std::function<void(std::optional<std::vector<std::string>>)> done) override {
    std::vector<std::string> out;
    for (auto& each : all.nodes)
      if (!each.dead) out.push_back(each.uid); // one that stands still is not known to be gone
    done(std::move(out));
  }
  // A dead node, or one that stands still, says nothing.
  void ask(const std::string& to, std::string body, milliseconds timeout,
           std::function<void(std::optional<std::string>)> done) override {
    ++all.asked[to];
    all.largest = std::max(all.largest, body.size());
    auto answered = std::make_shared<bool>(false);
    auto once = [answered, done = std::move(done)](std::optional<std::string> what) {
      if (!std::exchange(*answered, true)) done(std::move(what));
    };
    questions.push_back({std::chrono::steady_clock::now() + std::min(timeout, all.patience), once});
    if (all.lost > 0 && body.find(all.lose) != std::string::npos) {
      --all.lost;
      return;
    }
    for (auto& each : all.nodes)
      if (each.uid == to && !each.dead)
        each.loops.at(0).post([this, &each, body = std::move(body), once] {
          each.it->asked(body, [this, once](std::string what) {
            all.largest = std::max(all.largest, what.size());
            once(std::move(what));
          });
        });
  }
  void turn() {
    if (dead || frozen) return;
    while (!questions.empty() && questions.front().first < std::chrono::steady_clock::now()) {
      auto late = std::move(questions.front().second);
      questions.pop_front();
      late(std::nullopt);
    }
    loops.at(0).turn(false);
  }

  command call(const std::string& user, const std::string& verb, const std::string& data = "{}",
               const std::string& key = {}) {
    command c;
    c.who = {user, user, {}, {}};
    c.verb = verb;
    c.data = data;
    if (!key.empty()) c.key = user + '\0' + key;
    return c;
  }
  void submit(const std::string& channel, command what) {
    it->submit(channel, std::move(what), [this](const delivered& got) { answers.push_back(got); });
  }
  /// One command, answered.
  delivered ask_well(const std::string& channel, command what) {
    const auto before = answers.size();
    submit(channel, std::move(what));
    REQUIRE(all.until([&] { return answers.size() > before; }));
    return answers.back();
  }
  void subscribe(const std::string& channel, const std::string& user) {
    command c;
    c.what = command::kind::subscribe;
    c.who = {user, user, {}, {}};
    CHECK(ask_well(channel, std::move(c)).what.code == 0);
  }

  cluster_bench& all;
  std::string uid;
  runtime::runtime loops;
  bp::memory_backplane plane;
  plugins code;
  std::shared_ptr<const config::settings> settings;
  std::unique_ptr<host> it;
  std::deque<std::pair<std::chrono::steady_clock::time_point, std::function<void(std::optional<std::string>)>>>
      questions;
  std::map<std::string, std::vector<std::string>> heard;
  std::vector<delivered> answers;
  std::vector<std::string> kicked;
  bool dead = false, frozen = false;
  std::chrono::steady_clock::time_point ticked{};
};

inline cluster_bench::cluster_bench(std::size_t count, milliseconds lease, milliseconds beyond) :
    beyond_lease(beyond) {
  for (std::size_t i = 0; i < count; ++i) nodes.emplace_back(*this, "n" + std::to_string(i), lease);
  turn();
}

inline cluster_bench::~cluster_bench() {
  for (auto& each : nodes) each.it.reset();
}

inline void cluster_bench::turn() {
  for (auto& each : nodes) {
    if (!each.dead && !each.frozen && each.ticked + 50ms < std::chrono::steady_clock::now()) {
      each.ticked = std::chrono::steady_clock::now();
      each.it->tick();
    }
    each.turn();
  }
}

inline std::size_t cluster_bench::owners(const std::string& channel) {
  std::size_t found = 0;
  for (auto& each : nodes) {
    if (each.dead || each.frozen) continue;
    each.it->list(SIZE_MAX, [&](const std::vector<actor_figures>& list, std::size_t) {
      for (const auto& one : list) found += one.channel == channel;
    });
    for (int i = 0; i < 4; ++i) each.turn();
  }
  return found;
}

inline std::string cluster_bench::channel_of(const one_node& owner) const {
  for (int i = 0;; ++i) {
    auto channel = "c:" + std::to_string(i);
    if (nodes[0].it->preferred(channel) == owner.uid) return channel;
  }
}

inline std::string cluster_bench::move(one_node& from, const std::string& channel, const std::string& to) {
  std::optional<std::string> how;
  from.it->move(channel, to, [&](const std::string& what) { how = what; });
  REQUIRE(until([&] { return how.has_value(); }));
  return *how;
}

inline std::size_t cluster_bench::members(one_node& on) {
  std::size_t out = 0;
  on.it->list(SIZE_MAX, [&](const std::vector<actor_figures>& list, std::size_t) {
    for (const auto& one : list) out += one.members;
  });
  for (int i = 0; i < 4; ++i) turn();
  return out;
}

inline one_node& cluster_bench::owner(const std::string& channel) {
  one_node* found = nullptr;
  for (auto& each : nodes) {
    if (each.dead) continue;
    each.it->list(SIZE_MAX, [&](const std::vector<actor_figures>& list, std::size_t) {
      for (const auto& one : list)
        if (one.channel == channel) found = &each;
    });
    for (int i = 0; i < 4; ++i) each.turn();
  }
  REQUIRE(found);
  return *found;
}

} // namespace plexus::extension::testing
