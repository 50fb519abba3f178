#include "actors/connection/public_key.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <utility>

namespace plexus::connection {

namespace {

constexpr int min_rsa_bits = 2048; ///< less can be factored, and no algorithm of a JWT allows it
constexpr int max_rsa_bits = 8192; ///< more costs milliseconds for each token, good or bad

constexpr std::array<std::pair<std::string_view, algorithm>, 9> names{{{"HS256", algorithm::hs256},
                                                                       {"HS384", algorithm::hs384},
                                                                       {"HS512", algorithm::hs512},
                                                                       {"RS256", algorithm::rs256},
                                                                       {"RS384", algorithm::rs384},
                                                                       {"RS512", algorithm::rs512},
                                                                       {"ES256", algorithm::es256},
                                                                       {"ES384", algorithm::es384},
                                                                       {"EdDSA", algorithm::eddsa}}};

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* what) const {
    Free(what);
  }
};
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free>>;
using context_ptr = std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>>;
using ecdsa_ptr = std::unique_ptr<ECDSA_SIG, freed_by<ECDSA_SIG_free>>;
using x509_ptr = std::unique_ptr<X509, freed_by<X509_free>>;

int curve_of(const EVP_PKEY* key) {
  std::array<char, 80> name{};
  std::size_t size = 0;
  // A key with parameters spelt out has no name, and none of ours is like that.
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(), &size) != 1)
    return NID_undef;
  const int nist = EC_curve_nist2nid(name.data());
  return nist != NID_undef ? nist : OBJ_sn2nid(name.data());
}

std::optional<public_key::kind> kind_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
  case EVP_PKEY_RSA:
    if (const int bits = EVP_PKEY_get_bits(key); bits < min_rsa_bits || bits > max_rsa_bits) return std::nullopt;
    return public_key::kind::rsa;
  case EVP_PKEY_EC:
    switch (curve_of(key)) {
    case NID_X9_62_prime256v1:
      return public_key::kind::p256;
    case NID_secp384r1:
      return public_key::kind::p384;
    default:
      return std::nullopt;
    }
  case EVP_PKEY_ED25519:
    return public_key::kind::ed25519;
  default:
    return std::nullopt;
  }
}

const EVP_MD* hash_of(algorithm by) {
  switch (by) {
  case algorithm::hs256:
  case algorithm::rs256:
  case algorithm::es256:
    return EVP_sha256();
  case algorithm::hs384:
  case algorithm::rs384:
  case algorithm::es384:
    return EVP_sha384();
  case algorithm::hs512:
  case algorithm::rs512:
    return EVP_sha512();
  case algorithm::eddsa:
    break;
  }
  return nullptr; // the hash is part of the algorithm
}

/// A JWT has both numbers of an ECDSA signature one behind the other, OpenSSL wants them in DER.
std::string der_of(std::string_view numbers) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(numbers.data());
  const auto half = static_cast<int>(numbers.size() / 2);
  const ecdsa_ptr both(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes, half, nullptr);
  BIGNUM* s = BN_bin2bn(bytes + half, half, nullptr);
  if (!both || r == nullptr || s == nullptr || ECDSA_SIG_set0(both.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(both.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::shared_ptr<EVP_PKEY> owned(EVP_PKEY* key) {
  return {key, [](EVP_PKEY* k) { EVP_PKEY_free(k); }};
}

/// The key of one block of PEM, or null.
std::shared_ptr<EVP_PKEY> key_of(std::string_view label, const unsigned char* data, long size) {
  if (label == PEM_STRING_PUBLIC) return owned(d2i_PUBKEY(nullptr, &data, size));
  if (label == PEM_STRING_RSA_PUBLIC) return owned(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &data, size));
  if (label == PEM_STRING_X509) {
    const x509_ptr certificate(d2i_X509(nullptr, &data, size));
    return certificate ? owned(X509_get_pubkey(certificate.get())) : nullptr;
  }
  return nullptr;
}

} // namespace

std::optional<algorithm> algorithm_named(std::string_view name) noexcept {
  for (const auto& [known, which] : names)
    if (known == name) return which;
  return std::nullopt;
}

std::optional<public_key> public_key::from(std::shared_ptr<evp_pkey_st> key, std::string id,
                                           std::optional<algorithm> only) {
  if (!key) return std::nullopt;
  const auto what = kind_of(key.get());
  if (!what) return std::nullopt;
  public_key made(std::move(key), *what, std::move(id), {});
  if (only && !made.fits(*only)) return std::nullopt;
  made.only_ = only;
  return made;
}

bool public_key::fits(algorithm by) const noexcept {
  if (only_ && *only_ != by) return false;
  switch (kind_) {
  case kind::rsa:
    return by == algorithm::rs256 || by == algorithm::rs384 || by == algorithm::rs512;
  case kind::p256:
    return by == algorithm::es256;
  case kind::p384:
    return by == algorithm::es384;
  case kind::ed25519:
    return by == algorithm::eddsa;
  }
  return false;
}

bool public_key::verifies(algorithm by, std::string_view text, std::string_view signature) const {
  if (!fits(by)) return false;
  std::string der;
  if (kind_ == kind::p256 || kind_ == kind::p384) {
    if (signature.size() != (kind_ == kind::p256 ? 64U : 96U)) return false;
    der = der_of(signature);
    signature = der;
  }
  const context_ptr context(EVP_MD_CTX_new());
  const bool good =
      context && EVP_DigestVerifyInit(context.get(), nullptr, hash_of(by), nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  if (!good) ERR_clear_error(); // else the thread's queue of errors would grow with each bad token
  return good;
}

key_list keys_of_pem(std::string_view pem) {
  key_list out;
  const bio_ptr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  for (;;) {
    char *label = nullptr, *header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (!in || PEM_read_bio(in.get(), &label, &header, &data, &size) != 1) break;
    const std::string name(label);
    auto key = public_key::from(key_of(name, data, size));
    OPENSSL_cleanse(data, static_cast<std::size_t>(size)); // it may have been a private key
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(data);
    if (name.ends_with("PRIVATE KEY"))
      out.fault = "a private key";
    else if (!key)
      out.fault = "a key of another kind or size, or a broken one";
    else
      out.keys.push_back(*std::move(key));
    if (!out.fault.empty()) break;
  }
  ERR_clear_error();
  if (out.keys.empty() && out.fault.empty()) out.fault = "no key in PEM";
  if (!out.fault.empty()) out.keys.clear();
  return out;
}

} // namespace plexus::connection
