// Reading and signing JWTs with OpenSSL's HMAC and nlohmann-json.
//
// Why not cpp-jwt, which is at hand: it parses the header and the payload before it looks at the signature, its
// base64 decoder stops in silence at the first byte that isn't base64 (so that many texts are the same token), it
// compares signatures with ==, in a time that depends on them, and it throws through an interface that promises
// error codes. With only the HS algorithms, what remains of JWT is the few lines below.

#include "actors/connection/token.hpp"

#include <nlohmann/json.hpp>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <unordered_set>

namespace plexus::connection {

namespace {

using json = nlohmann::ordered_json; // what passes through keeps its order

constexpr std::size_t max_token = 16'384;
/// The header is read before the signature has proved anything, and an object with many keys is slow to build.
constexpr std::size_t max_header = 1024;
/// Writing JSON recurses by its depth.
constexpr int max_depth = 64;
/// The end of the year 9999: sums and milliseconds of such times don't overflow.
constexpr std::int64_t last_time = 253'402'300'799;

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr auto digits = [] {
  std::array<std::int8_t, 256> out{};
  out.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    out[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return out;
}();

/// Base64url without padding; nothing where the text isn't exactly what an encoder would write.
std::optional<std::string> decode(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const int digit = digits[static_cast<unsigned char>(c)];
    if (digit < 0) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out.push_back(static_cast<char>(bits >> have));
    }
  }
  if ((bits & ((1U << have) - 1U)) != 0) return std::nullopt;
  return out;
}

std::string encode(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(c);
    for (have += 8; have >= 6; have -= 6) out.push_back(alphabet[bits >> (have - 6) & 63U]);
  }
  if (have > 0) out.push_back(alphabet[bits << (6 - have) & 63U]);
  return out;
}

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

/// The hash that the header asks for, or nullptr where we don't do what it asks.
const EVP_MD* hash_of(std::string_view header_text) {
  const auto header = json::parse(header_text, nullptr, false);
  if (!header.is_object() || header.contains("crit")) return nullptr; // no extension is known here
  const auto alg = header.find("alg");
  if (alg == header.end() || !alg->is_string()) return nullptr;
  const auto& name = alg->get_ref<const std::string&>();
  return name == "HS256" ? EVP_sha256() : name == "HS384" ? EVP_sha384() : name == "HS512" ? EVP_sha512() : nullptr;
}

/// A claim isn't what it has to be. Thrown only in here, after the signature was found good.
struct bad_claim {};

void require(bool good) {
  if (!good) throw bad_claim();
}

std::string text_claim(const json& body, const char* name) {
  const auto it = body.find(name);
  if (it == body.end()) return {};
  require(it->is_string());
  return it->get_ref<const std::string&>();
}

bool is_shallow(const json& value, int depth) {
  if (!value.is_structured()) return true;
  return depth > 0 &&
         std::all_of(value.begin(), value.end(), [&](const json& x) { return is_shallow(x, depth - 1); });
}

std::string json_claim(const json& body, const char* name) {
  const auto it = body.find(name);
  if (it == body.end()) return {};
  require(is_shallow(*it, max_depth));
  return it->dump();
}

enum class rounding { down, up };

std::optional<std::int64_t> time_claim(const json& body, const char* name, rounding to) {
  const auto it = body.find(name);
  if (it == body.end()) return std::nullopt;
  require(it->is_number());
  // Whole seconds up to last_time are exact in a double.
  const double value = it->get<double>();
  const double whole = to == rounding::down ? std::floor(value) : std::ceil(value);
  constexpr auto limit = static_cast<double>(last_time);
  return static_cast<std::int64_t>(std::clamp(whole, -limit, limit));
}

std::vector<std::string> list_claim(const json& body, const char* name) {
  std::vector<std::string> out;
  const auto it = body.find(name);
  if (it == body.end()) return out;
  require(it->is_array());
  out.reserve(it->size());
  for (const json& item : *it) {
    require(item.is_string());
    out.push_back(item.get_ref<const std::string&>());
  }
  return out;
}

std::vector<token_sub> subs_claim(const json& body) {
  std::vector<token_sub> out;
  std::unordered_set<std::string> seen;
  if (const auto it = body.find("subs"); it != body.end()) {
    require(it->is_object());
    for (const auto& [channel, options] : it->items()) {
      require(options.is_object());
      out.push_back({channel, json_claim(options, "info"), json_claim(options, "data")});
      seen.insert(channel);
    }
  }
  for (auto& channel : list_claim(body, "channels"))
    if (seen.insert(channel).second) out.push_back({std::move(channel), {}, {}});
  return out;
}

rights rights_of(const json& can) {
  require(can.is_object());
  return {list_claim(can, "subscribe"), list_claim(can, "publish"), list_claim(can, "presence"),
          list_claim(can, "history")};
}

bool is_for(const json& body, const std::string& audience) {
  if (audience.empty()) return true;
  const auto it = body.find("aud");
  if (it == body.end()) return false;
  if (it->is_string()) return it->get_ref<const std::string&>() == audience;
  const auto all = list_claim(body, "aud");
  return std::find(all.begin(), all.end(), audience) != all.end();
}

std::variant<claims, token_fault> judge(const json& body, const config::token_section& keys, std::int64_t now,
                                        expiry minded) {
  require(body.is_object());
  if (!is_for(body, keys.audience)) return token_fault::invalid;
  if (!keys.issuer.empty() && text_claim(body, "iss") != keys.issuer) return token_fault::invalid;
  if (time_claim(body, "nbf", rounding::up).value_or(now) > now) return token_fault::invalid;

  claims out;
  out.user = text_claim(body, "sub");
  out.info = json_claim(body, "info");
  out.id = text_claim(body, "jti");
  out.client = text_claim(body, "client");
  out.channel = text_claim(body, "channel");
  out.expires_at = time_claim(body, "exp", rounding::down);
  out.issued_at = time_claim(body, "iat", rounding::down);
  out.subs = subs_claim(body);
  if (const auto can = body.find("can"); can != body.end()) out.can = rights_of(*can);
  if (minded == expiry::ignored) out.expires_at.reset();
  if (out.expires_at && *out.expires_at <= now) return token_fault::expired; // last: everything else is good
  return out;
}

/// The payload's text of a token with a good signature.
std::optional<std::string> open(std::string_view token, const std::vector<std::string>& secrets) {
  if (token.size() > max_token) return std::nullopt;
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  if (first == last || first > max_header || token.find('.', first + 1) != last) return std::nullopt;

  const auto header = decode(token.substr(0, first));
  const auto signature = decode(token.substr(last + 1));
  if (!header || !signature) return std::nullopt;
  const EVP_MD* hash = hash_of(*header);
  if (hash == nullptr || signature->size() != static_cast<std::size_t>(EVP_MD_get_size(hash))) return std::nullopt;
  for (const auto& secret : secrets) {
    const mac ours = sign(hash, secret, token.substr(0, last));
    if (ours.size == signature->size() && CRYPTO_memcmp(ours.bytes.data(), signature->data(), ours.size) == 0)
      return decode(token.substr(first + 1, last - first - 1));
  }
  return std::nullopt;
}

} // namespace

token_verifier::token_verifier(const config::token_section& keys) : keys_(keys) {
  // With an empty secret anyone could sign.
  std::erase_if(keys_.hmac_secrets, [](const std::string& secret) { return secret.empty(); });
}

std::variant<claims, token_fault> token_verifier::verify(std::string_view token, std::int64_t now,
                                                         expiry minded) const {
  try {
    const auto payload = open(token, keys_.hmac_secrets);
    if (!payload) return token_fault::invalid;
    return judge(json::parse(*payload, nullptr, false), keys_, now, minded);
  } catch (...) { // a bad claim, or a number or a memory that nlohmann has no room for
    return token_fault::invalid;
  }
}

std::string mint_token(const config::token_section& keys, std::string_view user, std::string_view channel,
                       std::chrono::seconds lifetime, std::string_view can, std::int64_t now) {
  if (keys.hmac_secrets.empty() || keys.hmac_secrets.front().empty())
    throw std::invalid_argument("client.token.hmac_secret is empty: there is no key to sign a token with");
  json body;
  body["sub"] = user;
  if (lifetime.count() > 0) body["exp"] = now + lifetime.count();
  body["iat"] = now;
  if (!channel.empty()) body["channel"] = channel;
  if (!can.empty()) {
    body["can"] = json::parse(can, nullptr, false);
    try {
      rights_of(body["can"]);
    } catch (const bad_claim&) {
      throw std::invalid_argument(
          "can: expected an object with lists of globs, such as {\"publish\":[\"chat:*\"]}");
    }
  }
  std::string payload;
  try {
    payload = body.dump();
  } catch (const json::exception&) {
    throw std::invalid_argument("user and channel have to be valid UTF-8");
  }
  std::string token = encode(R"({"alg":"HS256","typ":"JWT"})") + '.' + encode(payload);
  const mac signature = sign(EVP_sha256(), keys.hmac_secrets.front(), token);
  if (signature.size == 0) throw std::runtime_error("OpenSSL could not sign the token");
  token += '.';
  token += encode({reinterpret_cast<const char*>(signature.bytes.data()), signature.size});
  return token;
}

} // namespace plexus::connection
