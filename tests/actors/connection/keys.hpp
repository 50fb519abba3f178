#pragma once
// Keys made by OpenSSL on the spot, and tokens signed with them, so that the tests need no files with keys in them.

#include <doctest/doctest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace plexus::test {

using key_ptr = std::shared_ptr<EVP_PKEY>;

inline key_ptr owned(EVP_PKEY* key) {
  REQUIRE(key != nullptr);
  return {key, [](EVP_PKEY* k) { EVP_PKEY_free(k); }};
}
inline key_ptr rsa_key(std::size_t bits = 2048) {
  return owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits));
}
inline key_ptr ec_key(const char* curve) {
  return owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));
}
inline key_ptr ed25519_key() {
  return owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

template <class Write>
std::string pem(Write write) {
  BIO* out = BIO_new(BIO_s_mem());
  REQUIRE(write(out) == 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(out);
  return text;
}
inline std::string public_pem(const key_ptr& key) {
  return pem([&](BIO* out) { return PEM_write_bio_PUBKEY(out, key.get()); });
}
inline std::string private_pem(const key_ptr& key) {
  return pem(
      [&](BIO* out) { return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
}

/// Base64url by OpenSSL's encoder, to be independent of the one under test.
inline std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (!out.empty() && out.back() == '=') out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

/// OpenSSL's signature, ECDSA in DER.
inline std::string raw_signature(const key_ptr& key, const EVP_MD* hash, std::string_view text) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  REQUIRE(EVP_DigestSignInit(context, nullptr, hash, nullptr, key.get()) == 1);
  std::size_t size = 1024;
  std::string out(size, '\0');
  REQUIRE(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size,
                         reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1);
  EVP_MD_CTX_free(context);
  out.resize(size);
  return out;
}

/// Both numbers in `half` bytes each.
inline std::string without_der(std::string_view der, int half) {
  const auto* from = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(der.size()));
  REQUIRE(both != nullptr);
  std::string out(2 * static_cast<std::size_t>(half), '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  REQUIRE(BN_bn2binpad(ECDSA_SIG_get0_r(both), to, half) == half);
  REQUIRE(BN_bn2binpad(ECDSA_SIG_get0_s(both), to + half, half) == half);
  ECDSA_SIG_free(both);
  return out;
}

/// A token whose header says `alg`, signed as that algorithm does it.
inline std::string signed_by(const key_ptr& key, const std::string& alg, const std::string& payload,
                             const std::string& kid = {}) {
  const auto header =
      R"({"alg":")" + alg + R"(","typ":"JWT")" + (kid.empty() ? "" : R"(,"kid":")" + kid + '"') + "}";
  const auto text = base64(header) + '.' + base64(payload);
  const auto* hash = alg == "EdDSA"         ? nullptr
                     : alg.ends_with("256") ? EVP_sha256()
                     : alg.ends_with("384") ? EVP_sha384()
                                            : EVP_sha512();
  auto signature = raw_signature(key, hash, text);
  if (alg.starts_with("ES")) signature = without_der(signature, alg == "ES256" ? 32 : alg == "ES384" ? 48 : 66);
  return text + '.' + base64(signature);
}

inline std::string number(const key_ptr& key, const char* name) {
  BIGNUM* n = nullptr;
  REQUIRE(EVP_PKEY_get_bn_param(key.get(), name, &n) == 1);
  std::string out(static_cast<std::size_t>(BN_num_bytes(n)), '\0');
  BN_bn2bin(n, reinterpret_cast<unsigned char*>(out.data()));
  BN_free(n);
  return out;
}

/// A JWK; `more` is put behind its fields (`,"use":"sig"`).
inline std::string jwk(const key_ptr& key, const std::string& kid, const std::string& more = {}) {
  std::string out;
  // Piece by piece: g++ 12 at -O2 sees an overflow in chains of operator+ where there is none.
  auto member = [&out](std::string_view name, std::string_view value) {
    out.append(out.empty() ? "{\"" : ",\"").append(name).append("\":\"").append(value).append("\"");
  };
  switch (EVP_PKEY_get_base_id(key.get())) {
  case EVP_PKEY_RSA:
    member("kty", "RSA");
    member("n", base64(number(key, "n")));
    member("e", base64(number(key, "e")));
    break;
  case EVP_PKEY_EC: {
    const bool large = EVP_PKEY_get_bits(key.get()) > 256;
    auto padded = [&](const char* name) {
      auto bytes = number(key, name);
      bytes.insert(0, (large ? 48U : 32U) - bytes.size(), '\0');
      return base64(bytes);
    };
    member("kty", "EC");
    member("crv", large ? "P-384" : "P-256");
    member("x", padded("qx"));
    member("y", padded("qy"));
    break;
  }
  default: {
    std::array<unsigned char, 32> x{};
    std::size_t size = x.size();
    REQUIRE(EVP_PKEY_get_raw_public_key(key.get(), x.data(), &size) == 1);
    member("kty", "OKP");
    member("crv", "Ed25519");
    member("x", base64({reinterpret_cast<const char*>(x.data()), size}));
  }
  }
  if (!kid.empty()) member("kid", kid);
  return out.append(more).append("}");
}
inline std::string key_set(const std::string& keys) {
  return R"({"keys":[)" + keys + "]}";
}

} // namespace plexus::test
