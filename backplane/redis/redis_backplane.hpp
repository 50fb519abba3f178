#pragma once
// The backplane on Redis Streams: one node's side. Calls are taken on any loop and carried to the one that does the
// I/O, where a partition is chosen by the channel's name.
//
// Beyond the contract: everything that a node is told about a channel comes in the order in which it happened in
// Redis, its own answers among what others did. An error may come earlier than answers that were asked for before
// it.
//
// Owner: the node. Made before the loops start, and destroyed after they have ended.

#include "actors/runtime/metrics.hpp"
#include "actors/runtime/runtime.hpp"
#include "backplane/backplane.hpp"
#include "backplane/redis/address.hpp"
#include "backplane/redis/partition.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace plexus::backplane::redis {

struct options {
  address where;
  tls_settings tls;
  unsigned partitions = 1;
  milliseconds connect_timeout{10'000};
  std::string uid; ///< the node's, new with each start; empty: one is made up
  std::string node_name;
  tuning times;
};

class redis_backplane final : public backplane {
public:
  /// `home` does the I/O. Throws std::runtime_error with a sentence for certificates that can't be read.
  redis_backplane(runtime::loop& home, const options& with, listener& to, executor run);
  ~redis_backplane() override;
  redis_backplane(const redis_backplane&) = delete;
  redis_backplane& operator=(const redis_backplane&) = delete;

  /// On the home loop, once. `done` is called there: up, or why not within `connect_timeout`; it goes on trying
  /// then.
  void start(std::function<void(const start_result&)> done);

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
  [[nodiscard]] const std::string& uid() const override { return uid_; }
  void peers(answer<std::vector<peer>> done) override;
  void send(const std::string& to, std::string bytes, answer<nothing> done) override;
  /// On a Cluster it is ready while more than half of the partitions can be used, and `message` says which can't:
  /// who is sent elsewhere would meet the same there. On one Redis each partition counts, and on any the notices:
  /// nobody is let in before they are known.
  [[nodiscard]] health check() const override;
  void tick() override {}

  /// The node ends cleanly: its members leave, its channels aren't occupied by it any more, and its lease is over,
  /// all at once. On the home loop, once, where `done` is called too, soon in any case but a Redis that stands
  /// still; nothing is called behind it.
  void farewell(const std::function<void()>& done);

  /// A primary, as this node sees it.
  struct server {
    std::string address; ///< empty: of partitions that have no connection
    unsigned partitions = 0;
    bool ready = true;
    std::string message;       ///< why not
    milliseconds lease_age{0}; ///< the oldest renewal of this node's leases there
    std::size_t inbox = 0;     ///< entries that wait in this node's inboxes there
    std::size_t pending = 0;
    std::string memory, commands; ///< what it says to INFO; empty where it didn't
  };
  /// Any loop; `done` on the calling one, at the latest after `patience`, with what was heard until then.
  void look(milliseconds patience, std::function<void(std::vector<server>)> done);
  [[nodiscard]] milliseconds lease_time() const noexcept { return lease_; }
  /// Since the oldest of this node's leases was renewed. Any thread.
  [[nodiscard]] milliseconds lease_age() const;

  /// For a scrape; any thread.
  [[nodiscard]] std::vector<runtime::metrics::sample> samples() const;

  /// Answered when all that others handed to this node before is on its way to the listener. For tests.
  void sync(answer<nothing> done);
  /// Cuts the connections. For tests; on the home loop.
  void cut();

private:
  template <class Act>
  void on_partition(const std::string& channel, Act act);
  void push(const std::string& channel, step what);

  struct start_state;
  struct looking;
  runtime::loop& home_;
  executor run_;
  std::string uid_;
  milliseconds connect_timeout_, lease_;
  bool cluster_;
  std::shared_ptr<start_state> starting_;
  std::vector<std::unique_ptr<partition>> partitions_;
  std::vector<std::shared_ptr<looking>> looks_; ///< on the home loop
};

} // namespace plexus::backplane::redis
