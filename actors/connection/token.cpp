// Reading and signing JWTs with OpenSSL and nlohmann-json.
//
// Why not cpp-jwt, which is at hand: it parses the header and the payload before it looks at the signature, its
// base64 decoder stops in silence at the first byte that isn't base64 (so that many texts are the same token), it
// compares signatures with ==, in a time that depends on them, and it throws through an interface that promises
// error codes. What remains of JWT is the few lines below, and keys of OpenSSL in public_key.cpp.

#include "actors/connection/token.hpp"

#include "actors/connection/base64url.hpp"
#include "actors/connection/jwks_board.hpp"
#include "actors/connection/token_claims.hpp"
#include "actors/runtime/log.hpp"

#include <nlohmann/json.hpp>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

namespace plexus::connection {

namespace {

constexpr std::size_t max_token = 16'384;
/// The header is read before the signature has proved anything, and an object with many keys is slow to build.
constexpr std::size_t max_header = 1024;

struct mac {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0; ///< 0: OpenSSL failed
};

mac sign(const EVP_MD* hash, const std::string& secret, std::string_view text) {
  mac out;
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  if (HMAC(hash, secret.data(), static_cast<int>(secret.size()), data, text.size(), out.bytes.data(), &out.size) ==
      nullptr)
    out.size = 0;
  return out;
}

/// What the header asks for.
struct token_header {
  algorithm alg;
  std::string key; ///< `kid`; only ever compared with the ids of keys
  bool has_key = false;
};

/// Nothing where we don't do what it asks.
std::optional<token_header> header_of(std::string_view text) {
  const auto header = nlohmann::json::parse(text, nullptr, false);
  if (!header.is_object() || header.contains("crit")) return std::nullopt; // no extension is known here
  const auto alg = header.find("alg");
  if (alg == header.end() || !alg->is_string()) return std::nullopt;
  const auto named = algorithm_named(alg->get_ref<const std::string&>());
  if (!named) return std::nullopt;
  token_header out{*named, {}, false};
  if (const auto kid = header.find("kid"); kid != header.end()) {
    if (!kid->is_string()) return std::nullopt;
    out.key = kid->get<std::string>();
    out.has_key = true;
  }
  return out;
}

bool is_signed_by(const std::vector<std::string>& secrets, algorithm by, std::string_view text,
                  std::string_view signature) {
  const EVP_MD* hash = by == algorithm::hs256 ? EVP_sha256() : by == algorithm::hs384 ? EVP_sha384() : EVP_sha512();
  if (signature.size() != static_cast<std::size_t>(EVP_MD_get_size(hash))) return false;
  for (const auto& secret : secrets) {
    const mac ours = sign(hash, secret, text);
    if (ours.size == signature.size() && CRYPTO_memcmp(ours.bytes.data(), signature.data(), ours.size) == 0)
      return true;
  }
  return false;
}

enum class verdict : std::uint8_t { good, bad, undecided };

verdict by_key_set(jwks_board& board, const token_header& header, std::string_view text,
                   std::string_view signature) {
  const auto keys = board.keys();
  if (!keys) return verdict::undecided;
  bool known = !header.has_key;
  for (const auto& key : *keys) {
    if (header.has_key && key.id() == header.key) known = true;
    const bool meant = !header.has_key || key.id().empty() || key.id() == header.key;
    if (meant && key.verifies(header.alg, text, signature)) return verdict::good;
  }
  if (known || !board.undecided(header.key, jwks_board::clock::now())) return verdict::bad;
  return verdict::undecided;
}

} // namespace

token_verifier::token_verifier(const config::token_section& keys, std::shared_ptr<jwks_board> key_set) :
    keys_(keys), key_set_(std::move(key_set)) {
  // With an empty secret anyone could sign, and so with a public key that was put into the wrong list.
  std::erase_if(keys_.hmac_secrets, [](const std::string& secret) { return !is_secret(secret); });
  for (const auto& text : keys_.public_keys) {
    auto read = read_public_keys(text);
    if (!read.fault.empty()) runtime::log::error("token", "a public key can't be used", {{"found", read.fault}});
    public_keys_.insert(public_keys_.end(), read.keys.begin(), read.keys.end());
  }
}

token_verifier::~token_verifier() = default;

bool token_verifier::has_keys() const noexcept {
  return !keys_.hmac_secrets.empty() || !public_keys_.empty() || key_set_;
}

std::variant<claims, token_fault> token_verifier::verify(std::string_view token, std::int64_t now,
                                                         expiry minded) const {
  try {
    auto opened = open(token);
    if (const auto* fault = std::get_if<token_fault>(&opened)) return *fault;
    return judge(std::get<std::string>(opened), keys_, now, minded);
  } catch (...) { // memory that isn't there
    return token_fault::invalid;
  }
}

std::variant<std::string, token_fault> token_verifier::open(std::string_view token) const {
  if (token.size() > max_token) return token_fault::invalid;
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  if (first == last || first > max_header || token.find('.', first + 1) != last) return token_fault::invalid;

  const auto header_text = base64url::decode(token.substr(0, first));
  const auto signature = base64url::decode(token.substr(last + 1));
  if (!header_text || !signature) return token_fault::invalid;
  const auto header = header_of(*header_text);
  if (!header) return token_fault::invalid;

  const auto text = token.substr(0, last);
  auto result = verdict::bad;
  if (is_hmac(header->alg)) {
    if (is_signed_by(keys_.hmac_secrets, header->alg, text, *signature)) result = verdict::good;
  } else {
    for (const auto& key : public_keys_)
      if (key.verifies(header->alg, text, *signature)) result = verdict::good;
    if (result != verdict::good && key_set_) result = by_key_set(*key_set_, *header, text, *signature);
  }
  if (result == verdict::undecided) return token_fault::undecided;
  if (result == verdict::bad) return token_fault::invalid;
  auto payload = base64url::decode(token.substr(first + 1, last - first - 1));
  if (!payload) return token_fault::invalid;
  return *std::move(payload);
}

std::string mint_token(const config::token_section& keys, std::string_view user, std::string_view channel,
                       std::chrono::seconds lifetime, std::string_view can, std::int64_t now) {
  if (keys.hmac_secrets.empty() || keys.hmac_secrets.front().empty())
    throw std::invalid_argument("client.token.hmac_secret is empty: there is no key to sign a token with");
  nlohmann::ordered_json body;
  body["sub"] = user;
  if (lifetime.count() > 0) body["exp"] = now + lifetime.count();
  body["iat"] = now;
  if (!channel.empty()) body["channel"] = channel;
  if (!can.empty()) {
    if (!is_rights(can))
      throw std::invalid_argument(
          "can: expected an object with lists of globs, such as {\"publish\":[\"chat:*\"]}");
    body["can"] = nlohmann::ordered_json::parse(can, nullptr, false);
  }
  std::string payload;
  try {
    payload = body.dump();
  } catch (const nlohmann::json::exception&) {
    throw std::invalid_argument("user and channel have to be valid UTF-8");
  }
  std::string token = base64url::encode(R"({"alg":"HS256","typ":"JWT"})") + '.' + base64url::encode(payload);
  const mac signature = sign(EVP_sha256(), keys.hmac_secrets.front(), token);
  if (signature.size == 0) throw std::runtime_error("OpenSSL could not sign the token");
  token += '.';
  token += base64url::encode({reinterpret_cast<const char*>(signature.bytes.data()), signature.size});
  return token;
}

} // namespace plexus::connection
