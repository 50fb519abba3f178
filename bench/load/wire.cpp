#include "load/wire.hpp"

#include <stdexcept>

namespace plexus::bench {
namespace {

// RFC 6455's own example: a constant key lets the load know the answer without computing a hash for each dial.
constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view accept_of_key = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

} // namespace

std::optional<frame> next_frame(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto second = static_cast<std::uint8_t>(bytes[1]);
  if ((second & 0x80U) != 0) throw std::runtime_error("the server sent a masked frame");
  std::size_t header = 2;
  std::size_t length = second;
  if (length >= 126) {
    const std::size_t width = length == 126 ? 2 : 8;
    header += width;
    if (bytes.size() < header) return std::nullopt;
    length = big_endian(bytes.substr(2, width));
  }
  if (bytes.size() - header < length) return std::nullopt;
  return frame{static_cast<std::uint8_t>(bytes[0] & 0x0F), bytes.substr(header, length), header + length};
}

void append_frame(std::string& out, std::uint8_t opcode, std::string_view payload) {
  out.push_back(static_cast<char>(0x80U | opcode));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80U | payload.size()));
  } else {
    if (payload.size() > 0xFFFF) throw std::runtime_error("a command of more than 64 kB");
    out.push_back(static_cast<char>(0x80U | 126U));
    out.push_back(static_cast<char>(payload.size() >> 8));
    out.push_back(static_cast<char>(payload.size() & 0xFFU));
  }
  out.append(4, '\0');
  out.append(payload);
}

std::string upgrade_request(std::uint16_t port, std::string_view path, std::string_view subprotocol) {
  std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port);
  request += "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ";
  request += key;
  if (!subprotocol.empty()) request.append("\r\nSec-WebSocket-Protocol: ").append(subprotocol);
  request += "\r\n\r\n";
  return request;
}

std::size_t check_upgrade(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const auto head = bytes.substr(0, end);
  if (!head.starts_with("HTTP/1.1 101") || head.find(accept_of_key) == std::string_view::npos) {
    throw std::runtime_error("no upgrade: " + std::string(head.substr(0, head.find('\r'))));
  }
  return end + 4;
}

} // namespace plexus::bench
