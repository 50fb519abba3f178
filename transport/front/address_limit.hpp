#pragma once
// How often one address may connect: a token bucket for each that was seen lately.

#include "config/network.hpp"

#include <chrono>
#include <cstddef>
#include <mutex>
#include <unordered_map>

namespace plexus::transport::front {

/// Of a node; any thread.
class address_limit {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Addresses that are remembered at most. Beyond it those that were seen longest ago are forgotten, and begin
  /// with a full bucket again.
  static constexpr std::size_t max_addresses = 65'536;

  struct answer {
    bool allowed = true;
    std::chrono::seconds retry_after{0}; ///< when it may come again, 1 or more
  };

  /// Takes a token of `who`: an IPv6 client stands for its /64, which is what one customer usually has. A bucket
  /// holds what comes in one second, at least 1. A rate of 0: no limit.
  answer take(const config::ip_address& who, double per_second, time_point now);

  [[nodiscard]] std::size_t remembered() const;

private:
  struct bucket {
    double tokens;
    time_point at;
  };
  struct hash {
    std::size_t operator()(const config::ip_address& a) const noexcept;
  };
  using table = std::unordered_map<config::ip_address, bucket, hash>;

  void turn_over(double per_second, double most, time_point now);

  mutable std::mutex mutex_;
  // Two generations: whoever was not seen for as long as a bucket takes to fill has a full one, and need not be
  // known.
  table young_, old_;
  time_point turned_{};
};

} // namespace plexus::transport::front
