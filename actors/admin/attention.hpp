#pragma once
// Whether a peer reads what is sent to it. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace plexus::admin {

/// Looked at now and then while something waits for the peer.
class attention {
public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds longest_silence{10};

  /// `waiting`: bytes for it that haven't left; `sent`: that have, so far. False: what waited 10 s ago still does.
  /// That something waits at each look says nothing: on a busy loop the next answer may be written just before.
  bool goes_on(time_point now, std::size_t waiting, std::uint64_t sent) noexcept {
    if (waiting > 0 && since_ != time_point{} && sent < up_to_) return now - since_ < longest_silence;
    since_ = waiting > 0 ? now : time_point{};
    up_to_ = sent + waiting;
    return true;
  }

private:
  time_point since_{};
  std::uint64_t up_to_ = 0; ///< of all bytes for it: what waited then
};

} // namespace plexus::admin
