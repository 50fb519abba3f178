#pragma once
// How many admin connections a node takes. Those who haven't said yet who they are have places of their own, few
// for each address: whoever only opens sockets keeps no operator out.

#include "config/network.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace plexus::admin {

/// Of one node; any thread.
class places {
public:
  static constexpr std::size_t max_sessions = 32;            ///< signed in
  static constexpr std::size_t max_strangers = 64;           ///< not yet
  static constexpr std::size_t max_strangers_an_address = 8; ///< of an IPv6 client: its /64

  /// A stranger comes. False: there are as many as there may be.
  bool enter(const config::ip_address& who);
  /// It has signed in. False: as many have as may; it stays a stranger.
  bool sign_in(const config::ip_address& who);
  /// Who had come is gone.
  void leave(const config::ip_address& who, bool signed_in);

private:
  using key = std::array<std::uint8_t, 16>;
  static key key_of(const config::ip_address& who) noexcept;
  void forget(const key& who);

  std::mutex mutex_;
  std::size_t sessions_ = 0, strangers_ = 0;
  std::map<key, std::size_t> by_address_;
};

} // namespace plexus::admin
