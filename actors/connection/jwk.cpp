// `keys_of_jwks`: from a JSON Web Key Set to keys of OpenSSL.

#include "actors/connection/base64url.hpp"
#include "actors/connection/public_key.hpp"

#include <nlohmann/json.hpp>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>

namespace plexus::connection {

namespace {

using nlohmann::json;

std::string text_of(const json& key, const char* name) {
  const auto at = key.find(name);
  return at != key.end() && at->is_string() ? at->get<std::string>() : std::string();
}

/// The bytes of a base64url field; empty where there are none.
std::string bytes_of(const json& key, const char* name) {
  return base64url::decode(text_of(key, name)).value_or(std::string());
}

std::shared_ptr<EVP_PKEY> made(const char* type, OSSL_PARAM_BLD* fields) {
  EVP_PKEY* out = nullptr;
  OSSL_PARAM* params = OSSL_PARAM_BLD_to_param(fields);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr);
  // For a curve this checks that the point is on it.
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context) != 1 ||
      EVP_PKEY_fromdata(context, &out, EVP_PKEY_PUBLIC_KEY, params) != 1)
    out = nullptr;
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  return {out, [](EVP_PKEY* k) { EVP_PKEY_free(k); }};
}

std::shared_ptr<EVP_PKEY> rsa(const json& key) {
  const auto number = [&](const char* name) {
    const auto bytes = bytes_of(key, name);
    return BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr);
  };
  BIGNUM *n = number("n"), *e = number("e");
  OSSL_PARAM_BLD* fields = OSSL_PARAM_BLD_new();
  std::shared_ptr<EVP_PKEY> out;
  if (n != nullptr && e != nullptr && fields != nullptr && !BN_is_zero(n) && BN_is_odd(e) && !BN_is_one(e) &&
      OSSL_PARAM_BLD_push_BN(fields, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
      OSSL_PARAM_BLD_push_BN(fields, OSSL_PKEY_PARAM_RSA_E, e) == 1)
    out = made("RSA", fields);
  OSSL_PARAM_BLD_free(fields);
  BN_free(n);
  BN_free(e);
  return out;
}

std::shared_ptr<EVP_PKEY> ec(const json& key) {
  const auto curve = text_of(key, "crv");
  const std::size_t size = curve == "P-256" ? 32 : curve == "P-384" ? 48 : 0;
  const auto x = bytes_of(key, "x"), y = bytes_of(key, "y");
  if (size == 0 || x.size() != size || y.size() != size) return nullptr;
  const std::string point = '\4' + x + y;
  OSSL_PARAM_BLD* fields = OSSL_PARAM_BLD_new();
  std::shared_ptr<EVP_PKEY> out;
  if (fields != nullptr &&
      OSSL_PARAM_BLD_push_utf8_string(fields, OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), curve.size()) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(fields, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1)
    out = made("EC", fields);
  OSSL_PARAM_BLD_free(fields);
  return out;
}

std::shared_ptr<EVP_PKEY> okp(const json& key) {
  const auto x = bytes_of(key, "x");
  if (text_of(key, "crv") != "Ed25519" || x.size() != 32) return nullptr;
  auto* out = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                          reinterpret_cast<const unsigned char*>(x.data()), x.size());
  return {out, [](EVP_PKEY* k) { EVP_PKEY_free(k); }};
}

/// For signatures, as far as the key says what it is for.
bool is_for_verifying(const json& key) {
  if (key.contains("use") && text_of(key, "use") != "sig") return false;
  const auto ops = key.find("key_ops");
  return ops == key.end() || (ops->is_array() && std::find(ops->begin(), ops->end(), "verify") != ops->end());
}

std::optional<public_key> key_of(const json& key) {
  if (!key.is_object() || !is_for_verifying(key)) return std::nullopt;
  std::optional<algorithm> only;
  if (key.contains("alg")) {
    only = algorithm_named(text_of(key, "alg"));
    if (!only) return std::nullopt;
  }
  const auto type = text_of(key, "kty");
  auto made = type == "RSA" ? rsa(key) : type == "EC" ? ec(key) : type == "OKP" ? okp(key) : nullptr;
  return public_key::from(std::move(made), text_of(key, "kid"), only);
}

} // namespace

key_list keys_of_jwks(std::string_view text) {
  key_list out;
  const auto set = json::parse(text, nullptr, false);
  if (!set.is_object() || !set.contains("keys") || !set["keys"].is_array()) {
    out.fault = "not a JSON Web Key Set";
    return out;
  }
  for (const auto& each : set["keys"]) {
    if (out.keys.size() == max_set_keys) break;
    if (auto key = key_of(each)) out.keys.push_back(*std::move(key));
  }
  ERR_clear_error();
  return out;
}

} // namespace plexus::connection
