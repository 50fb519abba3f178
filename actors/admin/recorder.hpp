#pragma once
// What the node did in the last hour, a sample every ten seconds, so that who opens the page sees what was before.
// It reads counters that are counted anyway: some microseconds a sample, 60 kB in all.

#include "actors/admin/fwd.hpp"
#include "actors/runtime/metrics.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>
#include <vector>

namespace plexus::admin {

/// Where a quantile lies in a histogram's buckets, by linear interpolation; 0 where nothing was observed.
double quantile(const std::vector<double>& bounds, const std::vector<std::uint64_t>& counts, double q);

/// `tick` on one loop; `past` and `now` on any.
class recorder {
public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds every{10};
  static constexpr std::size_t kept = 360;

  void tick(time_point now);
  /// `{"every", "names", "samples": [[time, ...], ...]}`, the oldest first; those after Unix milliseconds `after`.
  [[nodiscard]] json past(std::int64_t after) const;
  /// The newest sample as an object; rates are of the last ten seconds. Empty in the first ten.
  [[nodiscard]] json now() const;

private:
  static constexpr std::size_t columns = 13;
  struct sample {
    std::int64_t time = 0; ///< Unix milliseconds
    std::array<double, columns> values{};
  };
  static const std::array<std::string_view, columns> names;

  mutable std::mutex mutex_;
  std::deque<sample> samples_;
  std::vector<runtime::metrics::reading> before_;
  time_point last_{};
};

} // namespace plexus::admin
