#pragma once
// A rate limit as plain state: tokens flow in with time and each permitted step takes some out. Time, rate and
// capacity are arguments, so that tests need no clock and a reload takes effect at once.

#include <algorithm>
#include <chrono>

namespace plexus::runtime {

/// Starts full. Not shared between threads.
class token_bucket {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// How fast tokens come and how many may be saved up. `per_second` 0: no limit.
  struct rate {
    double per_second = 0;
    double capacity = 1; ///< below 1 counts as 1
    [[nodiscard]] bool limited() const noexcept { return per_second > 0; }
  };

  /// Takes one token; false, and nothing taken, when there is none.
  bool take(const rate& limit, time_point now) noexcept {
    if (!limited_from(limit, now)) return true;
    if (level_ < 1) return false;
    level_ -= 1;
    return true;
  }

  /// Takes `amount` however large it is, unless the bucket is in debt from before: what is large passes whole, and
  /// on the average the rate holds.
  bool take_on_credit(double amount, const rate& limit, time_point now) noexcept {
    if (!limited_from(limit, now)) return true;
    if (level_ < 0) return false;
    level_ -= amount;
    return true;
  }

private:
  // Brings the level up to `now`. A clock that seems to go back adds nothing.
  bool limited_from(const rate& limit, time_point now) noexcept {
    if (!limit.limited()) {
      started_ = false;
      return false;
    }
    const auto most = std::max(limit.capacity, 1.0);
    if (!started_) {
      started_ = true;
      level_ = most;
      at_ = now;
    } else if (now > at_) {
      level_ += std::chrono::duration<double>(now - at_).count() * limit.per_second;
      at_ = now;
    }
    level_ = std::min(level_, most);
    return true;
  }

  double level_ = 0;
  time_point at_{};
  bool started_ = false;
};

} // namespace plexus::runtime
