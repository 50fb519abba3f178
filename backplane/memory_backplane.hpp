#pragma once
// The in-process backplane: one node's side of a `memory_store`. A node on its own has a store to itself; several
// nodes in one process (tests, embedding) share one and then hear of each other as over a network.
//
// Every step, including the hand-over to executors, happens under the lock of the channel's shard. So all that a
// node is told about a channel comes in the log's order: its own answers among what others appended.
//
// Owner: the node. Its end counts as the node's: occupancy goes and its members leave. It must not end while the
// loops that run its tasks are running; tasks still queued may run later or never.

#include "backplane/backplane.hpp"
#include "backplane/memory_store.hpp"

#include <memory>
#include <optional>
#include <string>

namespace plexus::backplane {

class memory_backplane final : public backplane {
public:
  /// `uid`: unlike that of every other node of the store; `name`: the same where none is given.
  memory_backplane(std::shared_ptr<memory_store> store, std::string uid, listener& to, executor run,
                   clock_function clock, std::string name = {});
  ~memory_backplane() override;
  memory_backplane(const memory_backplane&) = delete;
  memory_backplane& operator=(const memory_backplane&) = delete;

  void append(const std::string& channel, const retention& keep, draft what, answer<appended> done) override;
  void find_key(const std::string& channel, const std::string& key, answer<std::optional<position>> done) override;
  void subscribe(const std::string& channel, const retention& keep, answer<position> done) override;
  void unsubscribe(const std::string& channel) override;
  void recover(const std::string& channel, const retention& keep, const position& since, std::size_t max,
               answer<recovery> done) override;
  void history(const std::string& channel, const retention& keep, const log_query& what,
               answer<log_page> done) override;
  void remove_history(const std::string& channel, answer<nothing> done) override;
  void enter(const std::string& channel, client_info who, answer<presence_change> done) override;
  void leave(const std::string& channel, const std::string& client, answer<presence_change> done) override;
  void members(const std::string& channel, answer<presence_snapshot> done) override;
  void acquire_lease(const std::string& name, const std::string& holder, milliseconds ttl,
                     answer<lease> done) override;
  void release_lease(const std::string& name, const std::string& holder, answer<nothing> done) override;
  void claim_actor(const std::string& channel, const std::string& holder, milliseconds ttl,
                   answer<actor_claim> done) override;
  void write_actor(const std::string& channel, const retention& keep, actor_write what,
                   answer<actor_written> done) override;
  void abandoned_actors(std::size_t most, answer<std::vector<std::string>> done) override;
  void put_notice(notice what, answer<nothing> done) override;
  void drop_notice(const std::string& key, answer<nothing> done) override;
  [[nodiscard]] const std::string& uid() const override { return self_->self.uid; }
  void peers(answer<std::vector<peer>> done) override;
  void send(const std::string& to, std::string bytes, answer<nothing> done) override;
  [[nodiscard]] health check() const override { return {}; }
  void tick() override;

private:
  template <class T>
  void reply(const std::string& channel, answer<T> done, outcome<T> what) const;
  void tell_others(const std::string& channel, const memory_channel& where, const publication_ptr& what) const;
  void tell_others(const std::string& channel, const memory_channel& where, const presence_change& what) const;

  std::shared_ptr<memory_store> store_;
  memory_node_ptr self_;
  clock_function clock_;
};

} // namespace plexus::backplane
