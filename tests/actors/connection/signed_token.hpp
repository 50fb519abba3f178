#pragma once
// Tokens with exactly the claims that a test wants, right or wrong.

#include "actors/connection/base64url.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <string>
#include <string_view>

namespace plexus::test {

/// Signed with HMAC-SHA256, whatever the header says.
inline std::string signed_hs256(std::string_view payload, std::string_view secret,
                                std::string_view header = R"({"alg":"HS256"})") {
  using connection::base64url::encode;
  const auto text = encode(header) + '.' + encode(payload);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return text + '.' + encode({reinterpret_cast<const char*>(mac.data()), size});
}

} // namespace plexus::test
