#pragma once
// Public keys that tokens are verified with, from PEM or from a JSON Web Key Set, on OpenSSL's EVP.
//
// The kind of the key decides which algorithms it is good for; what a token's header says can only be one of those
// or wrong. A public key is never the secret of an HMAC: those are another type and another list.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st; // OpenSSL's EVP_PKEY

namespace plexus::connection {

/// The `alg` of a token's header, of those that are served.
enum class algorithm : std::uint8_t { hs256, hs384, hs512, rs256, rs384, rs512, es256, es384, eddsa };

/// By its name in a header ("RS256"); nothing for any other text, `none` included.
std::optional<algorithm> algorithm_named(std::string_view name) noexcept;
/// Signed with a secret that both sides know.
constexpr bool is_hmac(algorithm a) noexcept {
  return a <= algorithm::hs512;
}

/// Immutable, cheap to copy; any thread.
class public_key {
public:
  enum class kind : std::uint8_t { rsa, p256, p384, ed25519 };

  /// Takes the key over; nothing when it is none of the kinds, or an RSA key of less than 2048 or more than 8192
  /// bits. `id` and `only`: a JWK's `kid` and `alg`.
  static std::optional<public_key> from(std::shared_ptr<evp_pkey_st> key, std::string id = {},
                                        std::optional<algorithm> only = {});

  /// RS256, RS384, RS512 for RSA; ES256 for P-256; ES384 for P-384; EdDSA for Ed25519. A JWK with `alg`: that
  /// alone.
  [[nodiscard]] bool fits(algorithm by) const noexcept;
  /// `signature` as in a JWT: for ES256 and ES384 both numbers in full length. False too where the key doesn't fit.
  [[nodiscard]] bool verifies(algorithm by, std::string_view text, std::string_view signature) const;
  /// The `kid`; empty for a key without one.
  [[nodiscard]] const std::string& id() const noexcept { return id_; }

private:
  public_key(std::shared_ptr<evp_pkey_st> key, kind what, std::string id, std::optional<algorithm> only) :
      key_(std::move(key)), kind_(what), id_(std::move(id)), only_(only) {}

  std::shared_ptr<evp_pkey_st> key_;
  kind kind_;
  std::string id_;
  std::optional<algorithm> only_;
};

/// What a text held.
struct key_list {
  std::vector<public_key> keys;
  std::string fault; ///< a sentence when it can't be used; then there are no keys
};

/// One or more public keys or certificates in PEM. A private key is a fault: it has no business here.
key_list keys_of_pem(std::string_view pem);

/// Keys that a set may have; what stands behind them is passed over.
inline constexpr std::size_t max_set_keys = 100;

/// A JSON Web Key Set. Keys of other kinds, for encryption or broken are passed over, secret ones (`oct`) always.
/// Of two with one `kid` and the same algorithms both are kept.
key_list keys_of_jwks(std::string_view json);

} // namespace plexus::connection
