#include "transport/stream/framing.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace plexus::transport::stream {

namespace {

constexpr std::string_view data = "data: ";

void append_chunk_size(std::string& out, std::size_t size) {
  std::array<char, 2 * sizeof size> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  out.append(digits.data(), end).append("\r\n");
}

/// An event has one line of data; further lines of the message become events of their own.
template <class Piece>
void each_event(std::string_view message, Piece&& piece) {
  for (;;) {
    const auto end = message.find('\n');
    piece(data);
    piece(message.substr(0, end));
    piece("\n\n");
    if (end == std::string_view::npos) return;
    message.remove_prefix(end + 1);
  }
}

/// Calls `piece` for each run of bytes that stands for the message in the body.
template <class Piece>
void each_piece(framing how, std::string_view message, Piece&& piece) {
  switch (how) {
  case framing::stream_events:
  case framing::plain_events:
    each_event(message, piece);
    return;
  case framing::stream_lines:
  case framing::plain_lines:
    piece(message);
    piece("\n");
    return;
  default:
    piece(message);
  }
}

template <class Pieces>
void append(std::string& out, bool chunked, Pieces&& pieces) {
  if (!chunked) {
    pieces([&](std::string_view bytes) { out.append(bytes); });
    return;
  }
  std::size_t size = 0;
  pieces([&](std::string_view bytes) { size += bytes.size(); });
  if (size == 0) return; // an empty chunk would end the body
  append_chunk_size(out, size);
  pieces([&](std::string_view bytes) { out.append(bytes); });
  out.append("\r\n");
}

} // namespace

bool is_chunked(framing how) noexcept {
  return how == framing::stream_lines || how == framing::stream_events || how == framing::stream_bytes;
}

void append_message(std::string& out, framing how, std::string_view message) {
  append(out, is_chunked(how), [&](auto&& piece) { each_piece(how, message, piece); });
}

// An event source tells that it is open with the first byte of the body, and some proxies wait for one.
void append_begin(std::string& out, framing how) {
  if (how != framing::stream_events && how != framing::plain_events) return;
  append(out, is_chunked(how), [](auto&& piece) { piece("\n"); });
}

void append_end(std::string& out, framing how) {
  if (is_chunked(how)) out.append("0\r\n\r\n");
}

} // namespace plexus::transport::stream
