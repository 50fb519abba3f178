// The configured keys, before anything is verified with them.

#include "actors/connection/token.hpp"

namespace plexus::connection {

namespace {

constexpr std::string_view pem_mark = "-----BEGIN ";

bool is_pem(std::string_view text) noexcept {
  return text.find(pem_mark) != std::string_view::npos;
}

config::fault fault_of(const config::origins& where, const std::string& key, std::string found,
                       std::string expected) {
  const auto from = where.find(key);
  return {from == where.end() ? std::string() : from->second, key, std::move(found), std::move(expected)};
}

} // namespace

bool is_secret(std::string_view text) noexcept {
  return !text.empty() && !is_pem(text);
}

key_list read_public_keys(const std::string& entry) {
  if (is_pem(entry)) return keys_of_pem(entry);
  const auto content = config::read_file(entry);
  if (!content) return {{}, "neither PEM text nor a file that can be read"};
  return keys_of_pem(*content);
}

// What is found is told in words: someone will put a secret here.
std::vector<config::fault> unusable_keys(const config::token_section& keys, const config::origins& where) {
  std::vector<config::fault> out;
  for (const auto& secret : keys.hmac_secrets)
    if (is_pem(secret))
      out.push_back(fault_of(where, "client.token.hmac_secret", "a key in PEM",
                             "a secret; public keys belong to client.token.public_key"));
  for (const auto& entry : keys.public_keys)
    if (auto read = read_public_keys(entry); !read.fault.empty())
      out.push_back(fault_of(where, "client.token.public_key", std::move(read.fault),
                             "a public key or certificate in PEM (RSA from 2048 bits, P-256, P-384 or Ed25519), or "
                             "the path of a file with one"));
  return out;
}

} // namespace plexus::connection
