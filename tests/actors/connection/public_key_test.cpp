#include "actors/connection/public_key.hpp"

#include "actors/connection/jwks_board.hpp"
#include "actors/connection/token.hpp"
#include "tests/actors/connection/keys.hpp"
#include "tests/actors/connection/signed_token.hpp"

#include <cstdio>
#include <fstream>
#include <map>

#include <unistd.h>

using namespace plexus;
using namespace plexus::connection;
using namespace plexus::test;

namespace {

constexpr std::int64_t now = 1'800'000'000;
const std::string ann = R"({"sub":"ann"})";

struct pair {
  key_ptr key;
  std::vector<std::string> algs;
};

/// Made once: RSA keys take a while.
const std::map<std::string, pair>& pairs() {
  static const std::map<std::string, pair> all{{"rsa", {rsa_key(), {"RS256", "RS384", "RS512"}}},
                                               {"p256", {ec_key("P-256"), {"ES256"}}},
                                               {"p384", {ec_key("P-384"), {"ES384"}}},
                                               {"ed25519", {ed25519_key(), {"EdDSA"}}}};
  return all;
}

token_verifier by(const std::vector<std::string>& public_keys, const std::vector<std::string>& secrets = {}) {
  config::token_section keys;
  keys.public_keys = public_keys;
  keys.hmac_secrets = secrets;
  return token_verifier(keys);
}

std::string outcome(const token_verifier& with, std::string_view token) {
  const auto result = with.verify(token, now);
  if (const auto* fault = std::get_if<token_fault>(&result))
    return *fault == token_fault::invalid ? "invalid" : *fault == token_fault::expired ? "expired" : "undecided";
  return std::get<claims>(result).user;
}

std::string hmac_token(const std::string& secret, const std::string& alg = "HS256") {
  return plexus::test::signed_hs256(ann, secret, R"({"alg":")" + alg + R"("})");
}

} // namespace

TEST_CASE("each kind of key verifies its own algorithms and no other") {
  for (const auto& [name, mine] : pairs()) {
    const auto verifier = by({public_pem(mine.key)});
    CHECK(verifier.has_keys());
    for (const auto& [other_name, other] : pairs())
      for (const auto& alg : other.algs) {
        INFO(name, " ", alg);
        CHECK(outcome(verifier, signed_by(other.key, alg, ann)) == (name == other_name ? "ann" : "invalid"));
      }
  }
}

TEST_CASE("another key of the same kind doesn't sign for this one") {
  const auto verifier = by({public_pem(pairs().at("p256").key), public_pem(pairs().at("ed25519").key)});
  CHECK(outcome(verifier, signed_by(ec_key("P-256"), "ES256", ann)) == "invalid");
  CHECK(outcome(verifier, signed_by(ed25519_key(), "EdDSA", ann)) == "invalid");
}

TEST_CASE("several public keys and secrets are good side by side") {
  const auto old_key = ec_key("P-256"), new_key = ec_key("P-256");
  const auto verifier = by({public_pem(new_key), public_pem(old_key) + public_pem(pairs().at("rsa").key)}, {"s"});
  CHECK(outcome(verifier, signed_by(old_key, "ES256", ann)) == "ann");
  CHECK(outcome(verifier, signed_by(new_key, "ES256", ann, "any id")) == "ann");
  CHECK(outcome(verifier, signed_by(pairs().at("rsa").key, "RS512", ann)) == "ann");
  CHECK(outcome(verifier, hmac_token("s")) == "ann");
}

TEST_CASE("a public key is never the secret of an HMAC") {
  for (const auto& [name, mine] : pairs()) {
    INFO(name);
    const auto text = public_pem(mine.key);
    const auto verifier = by({text});
    for (const auto& secret : {text, text.substr(0, text.size() - 1), std::string()})
      CHECK(outcome(verifier, hmac_token(secret)) == "invalid");
    // Not even where it was put among the secrets by mistake.
    CHECK(outcome(by({text}, {text}), hmac_token(text)) == "invalid");
    CHECK_FALSE(by({}, {text}).has_keys());
  }
}

TEST_CASE("a header that says something else than the key is refused") {
  const auto& rsa = pairs().at("rsa").key;
  const auto verifier = by({public_pem(rsa)}, {"s"});
  const auto good = signed_by(rsa, "RS256", ann);
  const auto rest = good.substr(good.find('.'));
  for (const auto* header :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"HS256"})", R"({"alg":"RS384"})", R"({"alg":"PS256"})",
        R"({"alg":"ES256"})", R"({"alg":"rs256"})", R"({})", R"({"alg":"RS256","crit":["exp"]})",
        R"({"alg":"RS256","kid":5})", R"({"alg":"RS256","kid":null})"}) {
    CHECK(outcome(verifier, base64(header) + rest) == "invalid");
    CHECK(outcome(verifier, base64(header) + '.' + base64(ann) + '.') == "invalid");
  }
  CHECK(outcome(verifier, good) == "ann");
}

TEST_CASE("signatures that are not quite one are refused") {
  for (const auto& [name, mine] : pairs()) {
    INFO(name);
    const auto verifier = by({public_pem(mine.key)});
    const auto good = signed_by(mine.key, mine.algs[0], ann);
    const auto text = good.substr(0, good.rfind('.'));
    const auto* hash = name == "ed25519" ? nullptr : name == "p384" ? EVP_sha384() : EVP_sha256();
    auto raw = raw_signature(mine.key, hash, text);
    // In DER, as OpenSSL has it, an ECDSA signature isn't one of a JWT.
    if (name.starts_with("p")) CHECK(outcome(verifier, text + '.' + base64(raw)) == "invalid");
    for (const std::size_t size : {0, 1, 32, 63, 64, 65, 96, 132, 256, 257})
      for (const char fill : {'\0', '\1', '\xff'})
        CHECK(outcome(verifier, text + '.' + base64(std::string(size, fill))) == "invalid");
    CHECK(outcome(verifier, good + "AA") == "invalid");
  }
}

TEST_CASE("keys that can't be used are told why") {
  const auto fault = [](const std::string& text) { return keys_of_pem(text).fault; };
  CHECK(fault("") == "no key in PEM");
  CHECK(fault("-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n") != "");
  for (const auto& [name, mine] : pairs()) CHECK(fault(private_pem(mine.key)) == "a private key");
  for (const auto& other :
       {rsa_key(1024), ec_key("secp256k1"), ec_key("P-521"), owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448")),
        owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"))}) {
    CHECK(fault(public_pem(other)) == "a key of another kind or size, or a broken one");
    // One bad key spoils the list: the operator has to know.
    CHECK(fault(public_pem(pairs().at("rsa").key) + public_pem(other)) != "");
  }
  CHECK(fault(public_pem(pairs().at("rsa").key)) == "");
}

TEST_CASE("a public key is read from a file too, and what can't be used is found before the start") {
  const auto path = "/tmp/plexus_key_" + std::to_string(::getpid()) + ".pem";
  std::ofstream(path) << public_pem(pairs().at("p384").key);
  CHECK(outcome(by({path}), signed_by(pairs().at("p384").key, "ES384", ann)) == "ann");
  config::token_section keys;
  keys.public_keys = {path, public_pem(pairs().at("rsa").key)};
  keys.hmac_secrets = {"s"};
  CHECK(unusable_keys(keys).empty());
  keys.public_keys = {"/nowhere/key.pem", private_pem(pairs().at("rsa").key)};
  keys.hmac_secrets = {public_pem(pairs().at("rsa").key)};
  const auto faults = unusable_keys(keys, {{"client.token.public_key", "plexus.json"}});
  REQUIRE(faults.size() == 3);
  CHECK(faults[0].key == "client.token.hmac_secret");
  CHECK(faults[1].source == "plexus.json");
  CHECK(faults[1].found == "neither PEM text nor a file that can be read");
  CHECK(faults[2].found == "a private key");
  std::remove(path.c_str());
}

TEST_CASE("a key set has keys of every kind, by id") {
  std::string keys;
  for (const auto& [name, mine] : pairs()) keys += (keys.empty() ? "" : ",") + jwk(mine.key, name);
  auto read = keys_of_jwks(key_set(keys));
  REQUIRE(read.keys.size() == 4);
  auto board = std::make_shared<jwks_board>();
  const token_verifier verifier(config::token_section{}, board);
  CHECK(outcome(verifier, signed_by(pairs().at("rsa").key, "RS256", ann, "rsa")) == "undecided");
  board->succeeded(board->begin(), std::move(read.keys));
  for (const auto& [name, mine] : pairs())
    for (const auto& alg : mine.algs) {
      INFO(alg);
      CHECK(outcome(verifier, signed_by(mine.key, alg, ann, name)) == "ann");
      CHECK(outcome(verifier, signed_by(mine.key, alg, ann)) == "ann"); // without an id any key of the kind
      // Another key's id.
      CHECK(outcome(verifier, signed_by(mine.key, alg, ann, name == "rsa" ? "p256" : "rsa")) == "invalid");
    }
}

TEST_CASE("what in a key set can't be used is passed over, secrets always") {
  const auto& rsa = pairs().at("rsa").key;
  const auto usable = [](const std::string& key) { return keys_of_jwks(key_set(key)).keys.size(); };
  CHECK(usable(jwk(rsa, "a", R"(,"use":"sig","alg":"RS256","key_ops":["verify"],"x5c":["x"])")) == 1);
  CHECK(usable(jwk(rsa, "a", R"(,"use":"enc")")) == 0);
  CHECK(usable(jwk(rsa, "a", R"(,"key_ops":["encrypt"])")) == 0);
  CHECK(usable(jwk(rsa, "a", R"(,"alg":"ES256")")) == 0);
  CHECK(usable(jwk(rsa, "a", R"(,"alg":"HS256")")) == 0);
  CHECK(usable(jwk(rsa, "a", R"(,"alg":"RSA-OAEP")")) == 0);
  CHECK(usable(jwk(rsa_key(1024), "a")) == 0);
  for (const auto* key :
       {R"({"kty":"oct","k":"c2VjcmV0","kid":"a"})", R"({"kty":"oct","k":"c2VjcmV0","alg":"HS256"})", "5", "null",
        "{}", "[]", R"({"kty":"RSA"})", R"({"kty":"RSA","n":"AA","e":"AQAB"})",
        R"({"kty":"RSA","n":"%%","e":"AQAB"})", R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})",
        R"({"kty":"OKP","crv":"Ed25519","x":"AA"})",
        R"({"kty":"OKP","crv":"X25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})"})
    CHECK(usable(key) == 0);
  // A point that isn't on the curve.
  CHECK(usable(R"({"kty":"EC","crv":"P-256","x":")" + base64(std::string(32, '\1')) + R"(","y":")" +
               base64(std::string(32, '\2')) + "\"}") == 0);
  CHECK(usable("5," + jwk(rsa, "a")) == 1);
  for (const auto* text : {"", "[]", "{}", R"({"keys":{}})", "nonsense", R"({"keys":null})"})
    CHECK(keys_of_jwks(text).fault == "not a JSON Web Key Set");
  std::string many;
  for (std::size_t i = 0; i < max_set_keys + 5; ++i) many += (i > 0 ? "," : "") + jwk(rsa, std::to_string(i));
  CHECK(usable(many) == max_set_keys);
}

TEST_CASE("the alg of a JWK narrows what its key is good for") {
  const auto& rsa = pairs().at("rsa").key;
  auto board = std::make_shared<jwks_board>();
  board->succeeded(board->begin(), keys_of_jwks(key_set(jwk(rsa, "a", R"(,"alg":"RS384")"))).keys);
  const token_verifier verifier(config::token_section{}, board);
  CHECK(outcome(verifier, signed_by(rsa, "RS384", ann, "a")) == "ann");
  CHECK(outcome(verifier, signed_by(rsa, "RS256", ann, "a")) == "invalid");
}

TEST_CASE("a secret's token never waits for a key set") {
  config::token_section keys;
  keys.hmac_secrets = {"s"};
  const token_verifier verifier(keys, std::make_shared<jwks_board>());
  CHECK(outcome(verifier, hmac_token("s")) == "ann");
  CHECK(outcome(verifier, hmac_token("t")) == "invalid");
}
