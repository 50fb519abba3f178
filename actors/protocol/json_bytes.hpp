#pragma once
// Byte search shared by the JSON reader and writer.

#include <bit>
#include <cstdint>
#include <cstring>

namespace plexus::protocol::json {

/// The first byte of [at, end) that can't stand in a JSON string as it is: a quote, a backslash or a control
/// character; `end` when there is none.
inline const char* find_special(const char* at, const char* end) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    constexpr std::uint64_t each = 0x0101010101010101, tops = 0x8080808080808080;
    for (; end - at >= 8; at += 8) {
      std::uint64_t x = 0;
      std::memcpy(&x, at, 8);
      const auto quote = x ^ (each * '"'), slash = x ^ (each * '\\');
      // A borrow can mark a byte wrongly only above one that is marked rightly: the lowest mark is exact.
      const auto marks = (((quote - each) & ~quote) | ((slash - each) & ~slash) | ((x - each * 0x20) & ~x)) & tops;
      if (marks != 0) return at + std::countr_zero(marks) / 8;
    }
  }
  while (at != end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20) ++at;
  return at;
}

} // namespace plexus::protocol::json
