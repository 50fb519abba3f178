#pragma once
// What a request for a stream asks for, without I/O: POST /connection/http_stream with the first commands as its
// body, or GET /connection/sse with them in `cf_connect`, as an EventSource can.

#include "actors/protocol/codec.hpp"
#include "actors/protocol/padded_text.hpp"
#include "config/settings.hpp"
#include "transport/fan_out_table.hpp"
#include "transport/http/message.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace plexus::transport {

/// A stream that is to be opened.
struct stream_opening {
  transport::framing framing = transport::framing::stream_lines;
  protocol::format format = protocol::format::json;
  protocol::padded_text first; ///< the client's first message
  std::string head;            ///< of the response, up to its headers; they and an empty line follow
  bool reusable = false;       ///< the connection may serve another request when the body is complete
};

namespace stream {

inline constexpr std::string_view http_stream_path = "/connection/http_stream";
inline constexpr std::string_view sse_path = "/connection/sse";
inline constexpr std::string_view emulation_path = "/emulation";

/// Paths for browsers that can't use a WebSocket: those with CORS answers.
[[nodiscard]] constexpr bool is_client_path(std::string_view path) noexcept {
  return path == http_stream_path || path == sse_path || path == emulation_path;
}

/// Bytes that the body of a request for a client path may have. What a client sends beside its stream is a string
/// in JSON, which may double its size.
[[nodiscard]] std::uint64_t max_body(std::string_view path, const config::settings& settings) noexcept;

/// Protobuf for `application/octet-stream`, else JSON: some clients send it as plain text, to be spared a
/// preflight.
[[nodiscard]] protocol::format format_of(std::string_view content_type);

/// How to open the stream, or the answer that refuses it.
std::variant<stream_opening, http::response> read_request(const http::request& what,
                                                          const config::settings& settings);

/// 405 with the methods that a client path takes.
http::response wrong_method(std::string_view path);
/// 413 for a message over `client.max_message_size`.
http::response too_large();

} // namespace stream
} // namespace plexus::transport
