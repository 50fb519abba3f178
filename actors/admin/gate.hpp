#pragma once
// Who may look in, and who may act. The secret is compared in a time that doesn't depend on it; who gives wrong
// ones waits longer each time.

#include "actors/connection/token.hpp"
#include "config/network.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>

namespace plexus::admin {

enum class access : std::uint8_t { none, read, write };

/// Whether `given` is the secret; an empty secret is nobody's.
bool is_secret(std::string_view given, std::string_view secret) noexcept;
/// What a token's claim `admin` allows: "read" or "write", anything else nothing.
access access_of(const connection::claims& who) noexcept;

/// Slows down those who guess, by address (of IPv6 the /64): after a wrong secret the next attempt from there is
/// looked at 1 s later, then 2, 4, ... up to 16. Of one node; any thread.
class gate {
public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::size_t max_addresses =
      4096; ///< remembered; beyond, the one that waited longest is forgotten
  static constexpr std::chrono::seconds longest_wait{30};

  /// When the attempt may be judged: `now`, or later. Nothing: too many wait already.
  std::optional<time_point> admit(const config::ip_address& who, time_point now);
  /// The attempt was good: the address begins anew.
  void forget(const config::ip_address& who);
  /// For the log: how many were refused since the last line, this one included; nothing within a second of it.
  std::optional<std::uint64_t> worth_a_line(time_point now);

private:
  struct less {
    bool operator()(const config::ip_address& a, const config::ip_address& b) const noexcept {
      return a.bytes < b.bytes;
    }
  };
  struct record {
    time_point next{}; ///< before that nothing is judged
    unsigned wrong = 0;
  };
  static config::ip_address account_of(config::ip_address who) noexcept;

  std::mutex mutex_;
  time_point said_{}; ///< guarded, as all
  std::uint64_t unsaid_ = 0;
  std::map<config::ip_address, record, less> records_;
};

} // namespace plexus::admin
