#pragma once
// What the nodes of one process share: the channels (log, occupancy, presence), the leases and the
// notices.
//
// Channels are spread over shards, each behind a mutex, since every loop of every node calls. A channel is dropped
// as soon as nothing needs it: nobody occupies it, nobody is present, its position has lived out and no idempotency
// key is live. What waits for time alone stands in its shard's `due` order, so a sweep touches only what is over.

#include "backplane/backplane.hpp"
#include "backplane/memory_actors.hpp"
#include "backplane/memory_leases.hpp"
#include "backplane/memory_log.hpp"
#include "backplane/memory_notices.hpp"
#include "backplane/memory_presence.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace plexus::backplane {

/// Milliseconds since the Unix epoch; called on any thread.
using clock_function = std::function<milliseconds()>;

/// How the store reaches a node. Tasks queued on a loop keep it alive longer than its backplane.
struct memory_node {
  memory_node(peer of, listener* told, backplane::executor with) :
      self(std::move(of)), to(told), run(std::move(with)) {}
  peer self;
  listener* to;
  backplane::executor run;
  std::atomic<bool> gone{false}; ///< `to` may be dangling
};
using memory_node_ptr = std::shared_ptr<memory_node>;

struct memory_channel {
  memory_log log;
  std::vector<memory_node_ptr> occupants;
  std::unique_ptr<memory_presence> presence; ///< made when first entered
  std::optional<milliseconds> due;           ///< its place in the shard's order

  [[nodiscard]] bool unused() const noexcept { return occupants.empty() && (!presence || presence->empty()); }
};

class memory_store {
  using channel_table = std::unordered_map<std::string, memory_channel>;

  struct shard {
    std::mutex lock;
    channel_table channels;
    std::set<std::pair<milliseconds, channel_table::value_type*>> due;

    void settle(channel_table::iterator at, milliseconds now);
    void sweep(milliseconds now, std::size_t budget);
  };

public:
  /// One step on one channel. Holds the shard's lock; at its end the channel is dropped or gets its due time.
  class step {
  public:
    step(memory_store& store, const std::string& channel, const clock_function& clock);
    ~step();
    step(const step&) = delete;
    step& operator=(const step&) = delete;

    /// Read under the lock, so that times within a log don't fall while the clock doesn't.
    [[nodiscard]] milliseconds now() const noexcept { return now_; }
    /// Null when nothing is known of the channel.
    [[nodiscard]] memory_channel* find() noexcept;
    /// Makes the channel when there is none.
    memory_channel& open();

  private:
    shard& shard_;
    const std::string& channel_;
    std::unique_lock<std::mutex> locked_;
    milliseconds now_;
    channel_table::iterator at_;
  };

  /// A step on each channel in turn, one shard locked at a time.
  void each(const clock_function& clock,
            const std::function<void(const std::string&, memory_channel&, milliseconds)>& act);

  /// Runs `act` on the leases under their lock.
  template <class Act>
  void with_leases(const Act& act) {
    const std::lock_guard locked(leases_lock_);
    act(leases_);
  }

  /// Runs `act` on what is kept of actors and the leases, under both locks; a step on the actor's channel may be
  /// made inside.
  template <class Act>
  void with_actors(const Act& act) {
    const std::scoped_lock locked(actors_lock_, leases_lock_);
    act(actors_, leases_);
  }

  /// Runs `act` on the notices and the nodes to be told of them, under their lock.
  template <class Act>
  void with_notices(const Act& act) {
    const std::lock_guard locked(notices_lock_);
    act(notices_, nodes_);
  }

  /// Frees what has expired: a bounded part of each shard, the rest at the next call.
  void sweep(milliseconds now);

  /// How many of each there are.
  struct counts {
    std::size_t channels = 0;
    std::size_t leases = 0;
    std::size_t due = 0; ///< channels that wait for time alone
    std::size_t notices = 0;
    std::size_t actors = 0; ///< of which something is kept
    friend bool operator==(const counts&, const counts&) = default;
  };
  [[nodiscard]] counts size();

private:
  shard& shard_of(const std::string& channel) noexcept;

  std::array<shard, 64> shards_;
  std::mutex leases_lock_;
  memory_leases leases_;
  std::mutex actors_lock_;
  memory_actors actors_;
  std::mutex notices_lock_;
  memory_notices notices_;
  std::vector<memory_node_ptr> nodes_;
};

} // namespace plexus::backplane
