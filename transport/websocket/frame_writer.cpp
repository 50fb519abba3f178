#include "transport/websocket/frame.hpp"

namespace plexus::transport::websocket {

namespace {

constexpr unsigned final_frame = 0x80;
constexpr unsigned reserved_1 = 0x40;
constexpr std::size_t max_reason = 125 - 2;

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

} // namespace

std::size_t header_size(std::size_t payload_size) noexcept {
  return payload_size < 126 ? 2 : payload_size <= 0xFFFF ? 4 : 10;
}

void append_header(std::string& out, opcode kind, std::size_t payload_size, bool compressed) {
  out.push_back(static_cast<char>(final_frame | (compressed ? reserved_1 : 0U) | static_cast<unsigned>(kind)));
  if (payload_size < 126) {
    out.push_back(static_cast<char>(payload_size));
  } else if (payload_size <= 0xFFFF) {
    out.push_back(static_cast<char>(126));
    append_big_endian(out, payload_size, 2);
  } else {
    out.push_back(static_cast<char>(127));
    append_big_endian(out, payload_size, 8);
  }
}

void append_close(std::string& out, std::uint16_t code, std::string_view reason) {
  if (code == static_cast<std::uint16_t>(close_status::no_status)) { // by its meaning: no code, hence no reason
    append_header(out, opcode::close, 0);
    return;
  }
  std::size_t size = reason.size();
  if (size > max_reason) {
    size = max_reason;
    while (size > 0 && (static_cast<unsigned char>(reason[size]) & 0xC0U) == 0x80U) --size;
  }
  append_header(out, opcode::close, size + 2);
  append_big_endian(out, code, 2);
  out.append(reason.substr(0, size));
}

} // namespace plexus::transport::websocket
