#pragma once
// The client's half of WebSocket (RFC 6455), as little of it as a load needs.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plexus::bench {

inline constexpr std::uint8_t op_text = 1;
inline constexpr std::uint8_t op_binary = 2;
inline constexpr std::uint8_t op_close = 8;
inline constexpr std::uint8_t op_ping = 9;
inline constexpr std::uint8_t op_pong = 10;

/// A whole frame of a server; `payload` points into the bytes it was read from.
struct frame {
  std::uint8_t opcode = 0;
  std::string_view payload;
  std::size_t size = 0; ///< header and payload
};

/// The first frame of `bytes`, or nothing while it isn't complete. Throws std::runtime_error for a masked frame.
std::optional<frame> next_frame(std::string_view bytes);

/// Appends a client's frame. Its mask is zero, which servers must accept: masking would only cost the load time.
void append_frame(std::string& out, std::uint8_t opcode, std::string_view payload);

/// The request that opens a WebSocket; an empty `subprotocol` is not offered.
std::string upgrade_request(std::uint16_t port, std::string_view path, std::string_view subprotocol);

/// The size of the answer's head, 0 while it isn't complete. Throws std::runtime_error, with the status line, for
/// anything but the right 101.
std::size_t check_upgrade(std::string_view bytes);

} // namespace plexus::bench
