#pragma once
// What the contract suite needs of an implementation: a cluster of a few nodes whose loops stand still until the
// test lets them run. Nothing here knows what is behind.

#include "backplane/backplane.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace plexus::backplane::contract {

/// What a node was told of the others, in the order it came.
struct heard final : listener {
  std::map<std::string, std::vector<publication_ptr>> publications;
  std::map<std::string, std::vector<presence_change>> changes;
  std::vector<std::string> doubted, presence_doubted;
  std::vector<notice> notices;                               ///< single ones, in the order told
  std::vector<std::vector<notice>> all_told;                 ///< the whole set, each time it was told
  std::vector<std::pair<std::string, std::string>> messages; ///< from whom, what

  void published(const std::string& channel, publication_ptr what) override {
    publications[channel].push_back(std::move(what));
  }
  void presence_changed(const std::string& channel, const presence_change& change) override {
    changes[channel].push_back(change);
  }
  void in_doubt(const std::string& channel) override { doubted.push_back(channel); }
  void noticed(const notice& now) override { notices.push_back(now); }
  void notices_are(const std::vector<notice>& all) override { all_told.push_back(all); }
  void presence_in_doubt(const std::string& channel) override { presence_doubted.push_back(channel); }
  void received(const std::string& from, std::string_view bytes) override {
    messages.emplace_back(from, std::string(bytes));
  }
};

/// An executor that keeps the tasks until the test runs them.
class task_queue {
public:
  void add(backplane::task task) {
    const std::lock_guard locked(lock_);
    tasks_.push_back(std::move(task));
  }
  /// Runs what is queued and what that queues; says how many tasks ran.
  std::size_t run() {
    std::size_t ran = 0;
    for (;;) {
      std::vector<backplane::task> now;
      {
        const std::lock_guard locked(lock_);
        now.swap(tasks_);
      }
      if (now.empty()) return ran;
      for (auto& each : now) each();
      ran += now.size();
    }
  }

private:
  std::mutex lock_;
  std::vector<backplane::task> tasks_;
};

/// A fresh cluster, empty at the start of each case.
class fixture {
public:
  virtual ~fixture() = default;
  /// Node 0, 1 or 2. Calls may come from several threads; their answers wait for `settle`.
  virtual backplane& node(std::size_t which) = 0;
  virtual heard& at(std::size_t which) = 0;
  /// Runs the nodes' loops on this thread until all that was asked is answered and all that was done is handed on.
  virtual void settle() = 0;
  /// Time passes, with the nodes' ticks. A real server is waited for.
  virtual void advance(milliseconds by) = 0;
  /// The node dies without a word; returns when the others have noticed. It isn't used again.
  virtual void lose(std::size_t which) = 0;

  /// The grain of the suite's times: what takes one of them can't be late by half of one.
  [[nodiscard]] virtual milliseconds unit() const = 0;
  /// The time by which the cluster judges what is over.
  [[nodiscard]] virtual milliseconds now() const = 0;
  /// How long after its last use an unoccupied channel's position is gone for certain.
  [[nodiscard]] virtual milliseconds forgotten_after(const retention& keep) const = 0;
};

inline const retention long_log{100, std::chrono::hours{1}};
inline const retention no_log{};

inline draft said(std::string data, std::string key = {}, milliseconds key_ttl = std::chrono::hours{1}) {
  draft what;
  what.data = std::move(data);
  what.idempotency_key = std::move(key);
  what.idempotency_ttl = key_ttl;
  return what;
}

/// Makes a call, checks that it isn't answered from inside, lets the loops run, and returns the one answer.
template <class T, class Call>
outcome<T> ask(fixture& f, Call call) {
  const auto got = std::make_shared<std::vector<outcome<T>>>();
  call([got](outcome<T> what) { got->push_back(std::move(what)); });
  CHECK(got->empty());
  f.settle();
  REQUIRE(got->size() == 1);
  return got->front();
}

/// The same for what has to succeed.
template <class T, class Call>
T ask_well(fixture& f, Call call) {
  auto answer = ask<T>(f, call);
  REQUIRE(answer.ok());
  return *answer;
}

inline appended append(fixture& f, std::size_t node, const std::string& channel, const retention& keep,
                       draft what) {
  return ask_well<appended>(
      f, [&](answer<appended> done) { f.node(node).append(channel, keep, what, std::move(done)); });
}
inline std::optional<position> find_key(fixture& f, std::size_t node, const std::string& channel,
                                        const std::string& key) {
  return ask_well<std::optional<position>>(
      f, [&](answer<std::optional<position>> done) { f.node(node).find_key(channel, key, std::move(done)); });
}
inline position subscribe(fixture& f, std::size_t node, const std::string& channel, const retention& keep) {
  return ask_well<position>(f,
                            [&](answer<position> done) { f.node(node).subscribe(channel, keep, std::move(done)); });
}
inline void unsubscribe(fixture& f, std::size_t node, const std::string& channel) {
  f.node(node).unsubscribe(channel);
  f.settle();
}
inline recovery recover(fixture& f, std::size_t node, const std::string& channel, const retention& keep,
                        const position& since, std::size_t max = 1000) {
  return ask_well<recovery>(
      f, [&](answer<recovery> done) { f.node(node).recover(channel, keep, since, max, std::move(done)); });
}
inline outcome<log_page> history(fixture& f, std::size_t node, const std::string& channel, const retention& keep,
                                 const log_query& what = {}) {
  return ask<log_page>(f,
                       [&](answer<log_page> done) { f.node(node).history(channel, keep, what, std::move(done)); });
}
inline void remove_history(fixture& f, std::size_t node, const std::string& channel) {
  ask_well<nothing>(f, [&](answer<nothing> done) { f.node(node).remove_history(channel, std::move(done)); });
}
inline presence_change enter(fixture& f, std::size_t node, const std::string& channel, const client_info& who) {
  return ask_well<presence_change>(
      f, [&](answer<presence_change> done) { f.node(node).enter(channel, who, std::move(done)); });
}
inline presence_change leave(fixture& f, std::size_t node, const std::string& channel, const std::string& client) {
  return ask_well<presence_change>(
      f, [&](answer<presence_change> done) { f.node(node).leave(channel, client, std::move(done)); });
}
inline presence_snapshot members(fixture& f, std::size_t node, const std::string& channel) {
  return ask_well<presence_snapshot>(
      f, [&](answer<presence_snapshot> done) { f.node(node).members(channel, std::move(done)); });
}
inline lease acquire(fixture& f, std::size_t node, const std::string& name, const std::string& holder,
                     milliseconds ttl) {
  return ask_well<lease>(
      f, [&](answer<lease> done) { f.node(node).acquire_lease(name, holder, ttl, std::move(done)); });
}
inline void release(fixture& f, std::size_t node, const std::string& name, const std::string& holder) {
  ask_well<nothing>(f, [&](answer<nothing> done) { f.node(node).release_lease(name, holder, std::move(done)); });
}

inline outcome<nothing> put_notice(fixture& f, std::size_t node, const notice& what) {
  return ask<nothing>(f, [&](answer<nothing> done) { f.node(node).put_notice(what, std::move(done)); });
}
inline void drop_notice(fixture& f, std::size_t node, const std::string& key) {
  ask_well<nothing>(f, [&](answer<nothing> done) { f.node(node).drop_notice(key, std::move(done)); });
}

inline std::vector<peer> peers(fixture& f, std::size_t node) {
  return ask_well<std::vector<peer>>(f,
                                     [&](answer<std::vector<peer>> done) { f.node(node).peers(std::move(done)); });
}
inline outcome<nothing> send(fixture& f, std::size_t node, const std::string& to, const std::string& bytes) {
  return ask<nothing>(f, [&](answer<nothing> done) { f.node(node).send(to, bytes, std::move(done)); });
}

/// "1:a 2:b", offsets with data.
inline std::string text(const std::vector<publication_ptr>& publications) {
  std::string all;
  for (const auto& each : publications)
    all += (all.empty() ? "" : " ") + std::to_string(each->offset) + ":" + each->data;
  return all;
}

} // namespace plexus::backplane::contract
