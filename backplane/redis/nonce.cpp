#include "backplane/redis/nonce.hpp"

#include <openssl/rand.h>

#include <string_view>

namespace plexus::backplane::redis {

std::string make_nonce(std::size_t length) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string out;
  out.reserve(length);
  while (out.size() < length) {
    unsigned char bytes[32];
    if (RAND_bytes(bytes, sizeof bytes) != 1) continue;
    for (const auto byte : bytes)
      if (out.size() < length && byte < 4 * letters.size()) out.push_back(letters[byte % letters.size()]);
  }
  return out;
}

} // namespace plexus::backplane::redis
