#pragma once
// A hashed timing wheel: arming, re-arming and disarming cost a few instructions and no memory, so that every
// connection can have a timer. Pure: time comes in as an argument.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace plexus::runtime {

class timer_wheel;

/// A timer is part of what it belongs to. Not movable; destroying it disarms it. Use on the wheel's thread only.
class timer {
public:
  timer() = default;
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;
  virtual ~timer() { disarm(); }

  [[nodiscard]] bool armed() const noexcept { return next_ != nullptr; }
  void disarm() noexcept;

protected:
  /// Called once, from `timer_wheel::advance`; the timer is disarmed before and may arm itself again.
  virtual void expired() = 0;

private:
  friend class timer_wheel;
  timer* next_ = nullptr;
  timer* previous_ = nullptr;
  std::size_t* armed_count_ = nullptr;
  std::uint64_t due_tick_ = 0;
};

/// One a loop, on its thread. Timers fire at most one `tick` late and never early.
class timer_wheel {
public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds tick{20};

  explicit timer_wheel(clock::time_point start);
  ~timer_wheel();
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;

  /// (Re-)arms `t` for `due`; a time in the past means the next tick.
  void arm(timer& t, clock::time_point due) noexcept;
  /// Fires what is due at `now`, in the order of the ticks.
  void advance(clock::time_point now);

  /// When `advance` may have something to do next, not before and seldom in vain; never, when nothing is armed.
  [[nodiscard]] clock::time_point next() const noexcept;

  [[nodiscard]] bool idle() const noexcept { return armed_ == 0; }
  [[nodiscard]] std::size_t armed() const noexcept { return armed_; }

private:
  static constexpr std::size_t slot_count = 2048; // 41 s a round; a timer further out is passed over
  struct head final : timer {
    void expired() override {}
  };
  [[nodiscard]] std::uint64_t tick_of(clock::time_point t) const noexcept;

  clock::time_point start_;
  std::uint64_t current_ = 0;
  std::size_t armed_ = 0;
  std::array<head, slot_count> slots_;
  std::array<std::uint64_t, slot_count / 64> used_{}; ///< a bit for each slot that may have timers
};

} // namespace plexus::runtime
