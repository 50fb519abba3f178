#pragma once
// A set of members by client id that doesn't keep the id twice, as a map would: `std::unordered_set` with a hash
// and an equality that also take the bare id.

#include "actors/protocol/types.hpp"

#include <cstddef>
#include <functional>
#include <string_view>

namespace plexus::backplane {

inline std::string_view client_of(std::string_view client) noexcept {
  return client;
}
inline std::string_view client_of(const protocol::client_info& who) noexcept {
  return who.client;
}

struct client_hash {
  using is_transparent = void;
  template <class T>
  std::size_t operator()(const T& who) const noexcept {
    return std::hash<std::string_view>{}(client_of(who));
  }
};

struct client_equal {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const A& a, const B& b) const noexcept {
    return client_of(a) == client_of(b);
  }
};

} // namespace plexus::backplane
