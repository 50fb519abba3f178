#include "transport/api/key_check.hpp"

#include "transport/api/answer.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace plexus::transport::api {

namespace {

using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

digest digest_of(std::string_view text) noexcept {
  digest out{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

/// The key of `Authorization: apikey KEY`; empty for other schemes, whose names are compared without case.
std::string_view authorization_key(std::string_view value) noexcept {
  static constexpr std::string_view scheme = "apikey ";
  const auto equal = [](char small, char c) { return small == (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); };
  if (value.size() < scheme.size() || !std::equal(scheme.begin(), scheme.end(), value.begin(), equal)) return {};
  value.remove_prefix(scheme.size());
  while (value.starts_with(' ')) value.remove_prefix(1);
  return value;
}

std::string key_of(const http::request& what) {
  if (const auto given = what.header("x-api-key"); !given.empty()) return std::string(given);
  if (const auto given = authorization_key(what.header("authorization")); !given.empty()) return std::string(given);
  return what.parameter("api_key");
}

} // namespace

bool same_secret(std::string_view a, std::string_view b) noexcept {
  const auto x = digest_of(a), y = digest_of(b); // of one length
  return CRYPTO_memcmp(x.data(), y.data(), x.size()) == 0;
}

bool knows_key(const http::request& what, std::string_view key) {
  return !key.empty() && same_secret(key_of(what), key);
}

std::optional<http::response> check_key(const http::request& what, std::string_view key) {
  if (key.empty()) {
    count_error(protocol::error_code::unauthorized);
    return http::sentence(403, "The HTTP API is off: no api.key is configured.");
  }
  if (knows_key(what, key)) return std::nullopt;
  count_error(protocol::error_code::unauthorized);
  auto refusal = http::sentence(401, "The API key is missing or wrong.");
  refusal.headers.emplace_back("WWW-Authenticate", "apikey");
  return refusal;
}

} // namespace plexus::transport::api
