#include "backplane/redis/slots.hpp"

namespace plexus::backplane::redis {

// CRC-16/XMODEM, as Redis has it.
std::uint16_t slot_of(std::string_view tag) noexcept {
  unsigned crc = 0;
  for (const auto c : tag) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000U) != 0 ? 0x11021U : 0U);
  }
  return static_cast<std::uint16_t>(crc % slot_count);
}

std::string partition_tag(unsigned index, unsigned all) {
  const auto plain = "p" + std::to_string(index);
  // So many lie evenly enough by themselves, and looking for names would take long.
  if (all > 1024) return plain;
  const unsigned first = slot_of("p0");
  for (unsigned k = 0;; ++k) {
    auto tag = k == 0 ? plain : plain + "." + std::to_string(k);
    const auto behind = (slot_of(tag) + slot_count - first) % slot_count;
    if (behind * all / slot_count == index) return tag;
  }
}

redirection redirection_of(std::string_view error) noexcept {
  const auto word = error.substr(0, error.find(' '));
  if (word == "ASK" || word == "TRYAGAIN") return redirection::moving;
  if (word == "MOVED") return redirection::moved;
  return redirection::none;
}

} // namespace plexus::backplane::redis
