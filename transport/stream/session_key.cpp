#include "transport/stream/session_key.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <charconv>
#include <stdexcept>

namespace plexus::transport {

namespace {

int digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/// Takes ".NUMBER" off the front.
bool take_number(std::string_view& text, std::uint32_t& out) noexcept {
  if (text.size() < 2 || text[0] != '.' || (text[1] == '0' && text.size() > 2 && text[2] != '.')) return false;
  const auto* begin = text.data() + 1;
  const auto [end, failed] = std::from_chars(begin, text.data() + text.size(), out);
  if (failed != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

} // namespace

std::string to_text(const session_key& key) {
  std::string out;
  out.reserve(48);
  for (const auto byte : key.secret) {
    out.push_back("0123456789abcdef"[byte >> 4]);
    out.push_back("0123456789abcdef"[byte & 15]);
  }
  for (const auto number : {key.loop, key.where.slot, key.where.generation})
    out.append(1, '.').append(std::to_string(number));
  return out;
}

std::optional<session_key> read_session_key(std::string_view text) noexcept {
  session_key out;
  if (text.size() < 2 * out.secret.size()) return std::nullopt;
  for (std::size_t i = 0; i < out.secret.size(); ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.secret[i] = static_cast<unsigned char>(high * 16 + low);
  }
  text.remove_prefix(2 * out.secret.size());
  if (!take_number(text, out.loop) || !take_number(text, out.where.slot) ||
      !take_number(text, out.where.generation) || !text.empty())
    return std::nullopt;
  return out;
}

session_key::secret_bytes draw_secret() {
  session_key::secret_bytes out;
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1)
    throw std::runtime_error("no random bytes for a session");
  return out;
}

bool same_secret(const session_key::secret_bytes& a, const session_key::secret_bytes& b) noexcept {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace plexus::transport
