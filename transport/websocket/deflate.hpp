#pragma once
// permessage-deflate (RFC 7692): what is agreed to in the handshake, and single messages in and out. Neither side
// keeps its window between messages, by agreement; so a compressed broadcast is the same for all its subscribers,
// and a connection has no state of zlib's: each thread has one compressor and one decompressor for all of its own.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plexus::transport::websocket {

/// Bits of the server's window as agreed, 9 to 15; 0: the connection doesn't compress.
using window_bits = std::uint8_t;
inline constexpr window_bits full_window = 15;

/// Messages below go out as they are: without a window kept there is little to gain from them.
inline constexpr std::size_t least_compressed = 256;

/// What a handshake's Sec-WebSocket-Extensions comes to.
struct deflate_agreement {
  bool malformed = false; ///< not a list of extensions at all: the handshake must fail
  window_bits window = 0;
  std::string answer; ///< the header's value to answer with; empty: no extension
};

/// `offered`: all such headers joined by commas. Takes the first offer of permessage-deflate that can be served;
/// one with an unknown, repeated or wrong parameter is passed over.
deflate_agreement agree_on_deflate(std::string_view offered);

/// Appends `message` compressed within a window of `bits` to `out`. False, with `out` as it was: not worth it.
bool deflate_message(std::string& out, std::string_view message, window_bits bits);

/// The window to compress a message of that size with, for a client that takes `bits`: nothing in a message lies
/// further back than its beginning, so short ones are the same in every window and can be shared.
constexpr window_bits window_for(std::size_t size, window_bits bits) noexcept {
  return size <= (std::size_t{1} << bits) ? full_window : bits;
}

enum class inflated : std::uint8_t { whole, too_big, broken };

/// Replaces `out` by the message that was compressed as `payload`; stops at `max` bytes.
inflated inflate_message(std::string& out, std::string_view payload, std::size_t max);

} // namespace plexus::transport::websocket
