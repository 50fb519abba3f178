#pragma once
// How much passes through one channel: totals, and the rate of the last whole second. Pure; a few instructions a
// publication.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace plexus::channel {

class traffic {
public:
  using time_point = std::chrono::steady_clock::time_point;

  void count(std::size_t bytes, time_point now) noexcept {
    ++publications_;
    bytes_ += bytes;
    move_to(second_of(now));
    ++in_this_;
  }
  [[nodiscard]] std::uint64_t publications() const noexcept { return publications_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// Publications in the second before the present one.
  [[nodiscard]] std::uint32_t last_second(time_point now) const noexcept {
    const auto second = second_of(now);
    return second == second_ ? in_last_ : second == second_ + 1 ? in_this_ : 0;
  }

private:
  static std::uint32_t second_of(time_point t) noexcept {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count());
  }
  void move_to(std::uint32_t second) noexcept {
    if (second == second_) return;
    in_last_ = second == second_ + 1 ? in_this_ : 0;
    in_this_ = 0;
    second_ = second;
  }

  std::uint64_t publications_ = 0, bytes_ = 0;
  std::uint32_t second_ = 0, in_this_ = 0, in_last_ = 0;
};

} // namespace plexus::channel
