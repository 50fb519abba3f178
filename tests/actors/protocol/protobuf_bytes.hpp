#pragma once
// Protobuf written by hand, so that the tests don't rest on the library that the codec uses.

#include <cstdint>
#include <string>
#include <string_view>

namespace plexus::protocol::wire {

inline std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 128; value >>= 7) out += static_cast<char>((value & 127) | 128);
  out += static_cast<char>(value);
  return out;
}

/// A field that holds a number.
inline std::string num(unsigned field, std::uint64_t value) {
  return varint(field << 3) + varint(value);
}

/// A field that holds a text, bytes or a message.
inline std::string str(unsigned field, std::string_view value) {
  return varint(field << 3 | 2) + varint(value.size()) + std::string(value);
}

/// As it stands in a message of the protocol: its length, then itself.
inline std::string framed(std::string_view one) {
  return varint(one.size()) + std::string(one);
}

} // namespace plexus::protocol::wire
