#pragma once
// The node's lease in a partition, and what time it is in Redis. Pure: the node's steady time comes as an argument.
// Owner: the partition.

#include "backplane/backplane.hpp"

#include <algorithm>

namespace plexus::backplane::redis {

class lease_clock {
public:
  explicit lease_clock(milliseconds lease) : lease_(lease), every_(std::min(lease / 4, milliseconds{1000})) {}

  /// `hello` has made or renewed it; the others hear of that by a renewal, so one is due.
  void greeted(milliseconds now, milliseconds redis_time) {
    renewed(now, redis_time);
    asked_ = now - every_;
  }
  void asked(milliseconds now) { asked_ = now; }
  void renewed(milliseconds now, milliseconds redis_time) {
    renewed_ = asked_ = now;
    answered(now, redis_time);
  }
  /// Any answer that says what time it is in Redis. It was read there before it came here, so the estimate is
  /// behind, never ahead.
  void answered(milliseconds now, milliseconds redis_time) { offset_ = redis_time - now; }

  [[nodiscard]] bool due(milliseconds now) const { return now - asked_ >= every_; }
  [[nodiscard]] milliseconds age(milliseconds now) const { return now - renewed_; }
  /// When nobody renews for longer than this, leases of nodes that live may have ended meanwhile: an outage. Below
  /// it none has, since each was renewed at most a quarter of a lease before.
  [[nodiscard]] milliseconds longest_gap() const { return lease_ / 2; }
  [[nodiscard]] milliseconds redis_time(milliseconds now) const { return now + offset_; }
  [[nodiscard]] milliseconds lease() const { return lease_; }

private:
  milliseconds lease_, every_;
  milliseconds renewed_{0}, asked_{0}, offset_{0};
};

} // namespace plexus::backplane::redis
