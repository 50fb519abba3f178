#pragma once
// The times and bounds of a node's side of Redis. Those that operators set come from `backplane.*`; the rest are
// fixed and named here. Tests make them shorter.

#include "backplane/backplane.hpp"

namespace plexus::backplane::redis {

struct tuning {
  milliseconds lease{10'000};        ///< `backplane.lease`: a node that is silent for so long is given up
  milliseconds hold{4000};           ///< `backplane.hold`: how long a question waits for a Redis that is away
  std::size_t max_pending = 100'000; ///< `backplane.max_pending`: steps that wait for one partition
  std::size_t max_pending_bytes = 64 << 20; ///< and about what they take
  milliseconds append_wait{1500};           ///< then a publisher is told that it isn't known (error 100)
  milliseconds append_deadline{5000};       ///< an append that reaches Redis later than this is refused there
  milliseconds answer_deadline{2000};       ///< an answer that takes longer ends the connection
  milliseconds slow_answer{1000};           ///< from here on the node isn't ready
  milliseconds block{1000};                 ///< how long one read of the inbox waits in Redis
  milliseconds hole_wait{300};              ///< for what should come before; then the channel is registered again
  milliseconds sweep{60'000};               ///< every channel is registered again so often
  milliseconds sweep_step{1'000};           ///< channels whose time comes within it go together
  milliseconds first_retry{20}, last_retry{500}; ///< between attempts to connect
  milliseconds replica_wait{1000};               ///< for a replica to have a `replicated` publication
  // A replica that hangs must not make everybody on its server wait: after one that took too long it is only
  // glanced at now and then (which takes up to 0.1 s on a quiet server), until it is in time again or is given the
  // whole time anew.
  milliseconds replica_glance{5}, replica_pause{500}, replica_distrust{10'000};
  milliseconds farewell{500}; ///< for giving up members and channels at the end; others see to what is left then
  std::size_t inbox_entries = 16'384; ///< batches of others that a node may be behind
  std::size_t answer_bytes = 1 << 20; ///< that reads of one batch may answer; the rest come with the next

  /// How long a channel's hash outlives its last use at least.
  [[nodiscard]] milliseconds channel_life() const { return 4 * lease + 4 * sweep; }
  /// How long Redis remembers a node that is silent: its connection number and its last batch.
  [[nodiscard]] milliseconds node_life() const { return std::max(10 * lease, 4 * append_deadline); }
};

} // namespace plexus::backplane::redis
