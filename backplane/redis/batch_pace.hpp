#pragma once
// When the next batch may go. A script call costs Redis as much as several publications, whatever is in it. So
// while publications come in numbers, batches keep a distance that lets more of them ride along; a publication that
// comes alone, or with another one, never waits.
//
// Pure. Owner: the partition.

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace plexus::backplane::redis {

class batch_pace {
public:
  using clock = std::chrono::steady_clock;
  /// From one batch to the next: what a publication can wait at most beside the round trip.
  static constexpr std::chrono::microseconds distance{250};
  static constexpr std::size_t worth_it = 3; ///< steps of a batch from which on the next one keeps its distance
  static constexpr std::size_t enough = 48;  ///< steps with which a batch goes at once: more would save little

  void sent(clock::time_point now, std::size_t steps) noexcept {
    last_ = now;
    steps_ = steps;
  }
  /// How long the next batch had better wait; zero: it goes now.
  [[nodiscard]] clock::duration wait(clock::time_point now, std::size_t waiting) const noexcept {
    if (steps_ < worth_it || waiting >= enough) return clock::duration::zero();
    return std::max(clock::duration::zero(), last_ + distance - now);
  }

private:
  clock::time_point last_{};
  std::size_t steps_ = 0;
};

} // namespace plexus::backplane::redis
