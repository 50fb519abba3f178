#include "actors/connection/token.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

using namespace plexus;
using namespace plexus::connection;
using namespace std::string_literals;

namespace {

constexpr std::int64_t now = 1'800'000'000;
const std::string secret = "secret-of-the-test";
const std::string hs256 = R"({"typ":"JWT","alg":"HS256"})";

// Made with Python's hmac: {"sub":"42","exp":2000000000,"iat":1700000000,"info":{"name":"Ann","tags":[1,2.5,null]},
// "channels":["news"],"can":{"publish":["chat:*"]}}
const std::string known_payload = "eyJzdWIiOiI0MiIsImV4cCI6MjAwMDAwMDAwMCwiaWF0IjoxNzAwMDAwMDAwLCJpbmZvIjp7Im5hbWUi"
                                  "OiJBbm4iLCJ0YWdzIjpbMSwyLjUsbnVsbF"
                                  "19LCJjaGFubmVscyI6WyJuZXdzIl0sImNhbiI6eyJwdWJsaXNoIjpbImNoYXQ6KiJdfX0";
const std::string known_256 =
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9." + known_payload + ".X5dwjoR6LEZ6pWZalyd9L2ODyp9Y6IoCdYdGchrGUy8";
const std::string known_384 = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzM4NCJ9." + known_payload +
                              ".pEYFi5qvnO3Pvel8THHp5o1zQe_DbBPIMNYC9sV9gtO87Vi1OTiREnUI3Z8htvkb";
const std::string known_512 =
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9." + known_payload +
    ".1yK8SCqb5QM34ilc2lt0Kc_D2_uteD7lAfSDqOwTZBKJHxeNfqGfHRJlKSA-e38JfTafVZbOi_t5wbwb-9S9tw";

config::token_section keys_with(std::vector<std::string> secrets) {
  config::token_section keys;
  keys.hmac_secrets = std::move(secrets);
  return keys;
}

const token_verifier& verifier() {
  static const token_verifier one(keys_with({secret}));
  return one;
}

/// Base64url by OpenSSL's encoder, to be independent of the one under test.
std::string encoded(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (!out.empty() && out.back() == '=') out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

/// Signs two parts, whatever they are.
std::string sealed(const std::string& parts, const std::string& key = secret, const EVP_MD* hash = EVP_sha256()) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  REQUIRE(HMAC(hash, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(parts.data()),
               parts.size(), mac.data(), &size) != nullptr);
  return parts + '.' + encoded({reinterpret_cast<const char*>(mac.data()), size});
}

std::string token_of(const std::string& payload, const std::string& header = hs256, const std::string& key = secret,
                     const EVP_MD* hash = EVP_sha256()) {
  return sealed(encoded(header) + '.' + encoded(payload), key, hash);
}

claims good(const token_verifier& by, std::string_view token, std::int64_t at = now) {
  auto result = by.verify(token, at);
  REQUIRE(std::holds_alternative<claims>(result));
  return std::get<claims>(std::move(result));
}
claims good(const std::string& payload) {
  return good(verifier(), token_of(payload));
}

std::string outcome(const token_verifier& by, std::string_view token, std::int64_t at = now) {
  const auto result = by.verify(token, at);
  if (std::holds_alternative<claims>(result)) return "good";
  return std::get<token_fault>(result) == token_fault::expired ? "expired" : "invalid";
}
std::string outcome(const std::string& payload) {
  return outcome(verifier(), token_of(payload));
}

} // namespace

TEST_CASE("tokens made elsewhere are good") {
  for (const auto& token : {known_256, known_384, known_512}) {
    const auto got = good(verifier(), token);
    CHECK(got.user == "42");
    CHECK(got.info == R"({"name":"Ann","tags":[1,2.5,null]})");
    CHECK(got.expires_at == 2'000'000'000);
    CHECK(got.issued_at == 1'700'000'000);
    REQUIRE(got.subs.size() == 1);
    CHECK(got.subs[0].channel == "news");
    CHECK(got.subs[0].info.empty());
    CHECK(got.can == rights{{}, {"chat:*"}, {}, {}});
    CHECK(got.id.empty());
    CHECK(got.client.empty());
    CHECK(got.channel.empty());
  }
}

TEST_CASE("the example of RFC 7515, appendix A.1") {
  const std::array<unsigned char, 64> key{
      3,   35, 53,  75, 43,  15,  165, 188, 131, 126, 6,   101, 119, 123, 166, 143, 90,  179, 40,  230, 240, 84,
      201, 40, 169, 15, 132, 178, 210, 80,  46,  191, 211, 251, 90,  146, 210, 6,   71,  239, 150, 138, 180, 195,
      119, 98, 61,  34, 61,  46,  33,  114, 5,   46,  79,  8,   192, 205, 154, 245, 103, 208, 128, 163};
  auto keys = keys_with({std::string(key.begin(), key.end())});
  keys.issuer = "joe";
  const std::string token =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0c"
      "nVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  CHECK(outcome(token_verifier(keys), token, 1'300'819'379) == "good");
  CHECK(outcome(token_verifier(keys), token, 1'300'819'380) == "expired");
}

TEST_CASE("every changed bit of a token spoils it") {
  for (const auto& token : {known_256, known_512}) {
    for (std::size_t i = 0; i < token.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string changed = token;
        changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
        CAPTURE(changed);
        REQUIRE(outcome(verifier(), changed) == "invalid");
      }
    }
  }
}

TEST_CASE("every part of a token that isn't all of it is invalid") {
  for (std::size_t size = 0; size < known_256.size(); ++size)
    REQUIRE(outcome(verifier(), std::string_view(known_256).substr(0, size)) == "invalid");
  for (std::size_t from = 1; from <= known_256.size(); ++from)
    REQUIRE(outcome(verifier(), std::string_view(known_256).substr(from)) == "invalid");
}

TEST_CASE("base64 is taken only in its one form") {
  CHECK(outcome(verifier(), known_256 + "=") == "invalid");
  CHECK(outcome(verifier(), known_256 + "A") == "invalid");
  CHECK(outcome(verifier(), known_384 + "A") == "invalid"); // six bits more, all zero
  CHECK(outcome(verifier(), known_256 + ".") == "invalid");
  CHECK(outcome(verifier(), known_256 + "\n") == "invalid");
  CHECK(outcome(verifier(), " " + known_256) == "invalid");
  CHECK(outcome(verifier(), known_256.substr(0, known_256.size() - 1) + "9") == "invalid"); // unused bits set
  // The same in a payload that is rightly signed: {"a":1} is eyJhIjoxfQ.
  const auto with_payload = [](const std::string& text) {
    return outcome(verifier(), sealed(encoded(hs256) + '.' + text));
  };
  CHECK(with_payload("eyJhIjoxfQ") == "good");
  CHECK(with_payload("eyJhIjoxfQ==") == "invalid");
  CHECK(with_payload("eyJhIjoxfR") == "invalid");
  CHECK(with_payload("eyJhIjox fQ") == "invalid");
  CHECK(with_payload("eyJhIjoxf") == "invalid");
  CHECK(with_payload("eyJhIjoxfQ!") == "invalid");
  CHECK(with_payload("") == "invalid");
  const std::string both = token_of(R"({"sub": "~?>~>"})"); // has - and _ in it
  CHECK(both.find('-', hs256.size() * 4 / 3 + 1) != std::string::npos);
}

TEST_CASE("algorithms other than the three") {
  const std::string payload = R"({"sub":"42"})";
  for (const char* alg :
       {"none", "None", "NONE", "", "RS256", "ES256", "PS256", "EdDSA", "hs256", "HS256 ", "HS1"}) {
    const std::string header = R"({"alg":")" + std::string(alg) + R"("})";
    CAPTURE(header);
    CHECK(outcome(verifier(), token_of(payload, header)) == "invalid");
    CHECK(outcome(verifier(), encoded(header) + '.' + encoded(payload) + '.') == "invalid");
  }
  for (const char* header :
       {"{}", R"({"typ":"JWT"})", R"({"alg":null})", R"({"alg":256})", R"({"alg":["HS256"]})", "[]", "1",
        "\"HS256\"", "", R"({"alg":"HS256")", "{\"alg\":\"HS256\"}\xFF", R"({"alg":"HS256","crit":["exp"]})",
        R"({"alg":"HS256","crit":[]})", R"({"alg":"HS256","b64":false,"crit":["b64"]})"}) {
    CAPTURE(header);
    CHECK(outcome(verifier(), token_of(payload, header)) == "invalid");
  }
  CHECK(outcome(verifier(), token_of(payload, R"({"alg":"HS256"})")) == "good");
  CHECK(outcome(verifier(), token_of(payload, R"({"alg":"HS256","kid":"7","typ":"at+jwt"})")) == "good");
  CHECK(outcome(verifier(), token_of(payload, R"({"alg":"HS256","kid":")" + std::string(2000, 'k') + R"("})")) ==
        "invalid");
}

TEST_CASE("the signature must be of the algorithm that the header names") {
  const std::string payload = R"({"sub":"42"})";
  const auto with = [&](const char* alg, const EVP_MD* hash) {
    return outcome(verifier(), token_of(payload, R"({"alg":")"s + alg + R"("})", secret, hash));
  };
  CHECK(with("HS384", EVP_sha384()) == "good");
  CHECK(with("HS512", EVP_sha512()) == "good");
  CHECK(with("HS512", EVP_sha256()) == "invalid");
  CHECK(with("HS256", EVP_sha512()) == "invalid");
  CHECK(with("HS384", EVP_sha256()) == "invalid");
}

TEST_CASE("several secrets all verify, others don't") {
  const token_verifier by(keys_with({"new", "old", secret}));
  CHECK(outcome(by, token_of("{}", hs256, "new")) == "good");
  CHECK(outcome(by, token_of("{}", hs256, "old")) == "good");
  CHECK(outcome(by, known_512) == "good");
  CHECK(outcome(by, token_of("{}", hs256, "older")) == "invalid");
  CHECK(by.has_keys());
}

TEST_CASE("without a secret no token is good, and an empty secret is none") {
  const token_verifier none(keys_with({}));
  CHECK_FALSE(none.has_keys());
  CHECK(outcome(none, known_256) == "invalid");
  const token_verifier empty(keys_with({""}));
  CHECK_FALSE(empty.has_keys());
  CHECK(outcome(empty, token_of("{}", hs256, "")) == "invalid");
}

TEST_CASE("a token may be of 16 KiB and no more") {
  const auto of_size = [](std::size_t sub) { return token_of(R"({"sub":")" + std::string(sub, 'u') + R"("})"); };
  const std::size_t overhead = of_size(0).size();
  const std::string most = of_size((16'384 - overhead) / 4 * 3);
  CHECK(most.size() <= 16'384);
  CHECK(most.size() > 16'380);
  CHECK(outcome(verifier(), most) == "good");
  const std::string over = of_size((16'384 - overhead) / 4 * 3 + 6);
  CHECK(over.size() > 16'384);
  CHECK(outcome(verifier(), over) == "invalid");
}

TEST_CASE("expiry") {
  CHECK(outcome(R"({"exp":1800000001})") == "good");
  CHECK(outcome(R"({"exp":1800000000})") == "expired");
  CHECK(outcome(R"({"exp":1799999999})") == "expired");
  CHECK(outcome(R"({"exp":0})") == "expired");
  CHECK(outcome(R"({"exp":-5})") == "expired");
  CHECK(good(R"({"exp":1800000001.9})").expires_at == 1'800'000'001);
  CHECK(outcome(R"({"exp":1800000000.9})") == "expired"); // what is handed on is whole seconds
  CHECK(outcome(R"({"exp":-1e300})") == "expired");
  for (const char* far : {"18446744073709551615", "9223372036854775807", "1e300", "99999999999999999999999"})
    CHECK(good(R"({"exp":)"s + far + "}").expires_at == 253'402'300'799);
  CHECK_FALSE(good("{}").expires_at);
  for (const char* bad : {"\"1900000000\"", "null", "true", "[]", "{}", "1e999"})
    CHECK(outcome(R"({"exp":)"s + bad + "}") == "invalid");
}

TEST_CASE("expired is said only of a token that is good otherwise") {
  CHECK(outcome(verifier(), token_of(R"({"exp":1})", hs256, "other secret")) == "invalid");
  CHECK(outcome(R"({"exp":1,"sub":7})") == "invalid");
  CHECK(outcome(R"({"exp":1,"nbf":1900000000})") == "invalid");
  CHECK(outcome(R"({"exp":1,"can":[]})") == "invalid");
  auto keys = keys_with({secret});
  keys.audience = "us";
  CHECK(outcome(token_verifier(keys), token_of(R"({"exp":1,"aud":"them"})")) == "invalid");
  CHECK(outcome(token_verifier(keys), token_of(R"({"exp":1,"aud":"us"})")) == "expired");
}

TEST_CASE("not before, and issued at") {
  CHECK(outcome(R"({"nbf":1800000000})") == "good");
  CHECK(outcome(R"({"nbf":1799999999.5})") == "good");
  CHECK(outcome(R"({"nbf":1800000000.5})") == "invalid");
  CHECK(outcome(R"({"nbf":1800000001})") == "invalid");
  CHECK(outcome(R"({"nbf":1e300})") == "invalid");
  CHECK(outcome(R"({"nbf":"1"})") == "invalid");
  CHECK(good(R"({"iat":1700000000.7})").issued_at == 1'700'000'000);
  CHECK(outcome(R"({"iat":1900000000})") == "good"); // clocks differ; iat promises nothing
  CHECK(outcome(R"({"iat":"now"})") == "invalid");
}

TEST_CASE("audience and issuer where they are configured") {
  auto keys = keys_with({secret});
  keys.audience = "chat";
  const token_verifier audience(keys);
  CHECK(outcome(audience, token_of(R"({"aud":"chat"})")) == "good");
  CHECK(outcome(audience, token_of(R"({"aud":["shop","chat"]})")) == "good");
  for (const char* other : {"{}", R"({"aud":"chats"})", R"({"aud":["shop"]})", R"({"aud":[]})", R"({"aud":null})",
                            R"({"aud":7})", R"({"aud":["chat",7]})", R"({"aud":{"chat":1}})"})
    CHECK(outcome(audience, token_of(other)) == "invalid");

  keys.audience.clear();
  keys.issuer = "shop";
  const token_verifier issuer(keys);
  CHECK(outcome(issuer, token_of(R"({"iss":"shop"})")) == "good");
  for (const char* other : {"{}", R"({"iss":"Shop"})", R"({"iss":["shop"]})", R"({"iss":null})"})
    CHECK(outcome(issuer, token_of(other)) == "invalid");

  CHECK(outcome(R"({"aud":"whoever","iss":"whoever"})") == "good"); // not configured: not asked
}

TEST_CASE("claims that are strings") {
  const auto got = good(R"({"sub":"\u00e9\ud83d\ude00","jti":"j1","client":"c1","channel":"chat:1"})");
  CHECK(got.user == "\xC3\xA9\xF0\x9F\x98\x80");
  CHECK(got.id == "j1");
  CHECK(got.client == "c1");
  CHECK(got.channel == "chat:1");
  CHECK(good("{}").user.empty());
  for (const char* name : {"sub", "jti", "client", "channel"}) {
    for (const char* value : {"42", "null", "true", "[\"x\"]", "{}", "4.2"}) {
      CAPTURE(name);
      CAPTURE(value);
      CHECK(outcome("{\""s + name + "\":" + value + "}") == "invalid");
    }
  }
}

TEST_CASE("info and data pass through as they were written: a number written anew may be another") {
  const auto* written = R"({"n":12345678901234567890123,"x":1.10,"x":2})";
  const auto got = good(std::string(R"({"inf\u006f":)") + written + R"(,"subs":{"a":{"info":)" + written +
                        R"(,"data":[1.10, 1e3]}}})");
  CHECK(got.info == written);
  CHECK(got.subs[0].info == written);
  CHECK(got.subs[0].data == "[1.10, 1e3]");
}

TEST_CASE("info is any JSON, on one line, in its order") {
  CHECK(good(R"({"info":{"z":1,"a":[true,{"y":"\n"}]}})").info == R"({"z":1,"a":[true,{"y":"\n"}]})");
  CHECK(good("{\"info\":{ \"z\" :\n1 }}").info == R"({"z":1})");
  CHECK(good(R"({"info":"text"})").info == R"("text")");
  CHECK(good(R"({"info":7})").info == "7");
  CHECK(good(R"({"info":null})").info == "null");
  CHECK(good("{}").info.empty());
}

TEST_CASE("channels and subs") {
  const auto got = good(R"({"channels":["a","b","a","c"],
      "subs":{"b":{"info":{"i":1},"data":[1, 2],"override":{"force_recovery":{"value":true}}},"d":{}}})");
  REQUIRE(got.subs.size() == 4);
  CHECK(got.subs[0].channel == "b");
  CHECK(got.subs[0].info == R"({"i":1})");
  CHECK(got.subs[0].data == "[1, 2]");
  CHECK(got.subs[1].channel == "d");
  CHECK(got.subs[1].info.empty());
  CHECK(got.subs[1].data.empty());
  CHECK(got.subs[2].channel == "a");
  CHECK(got.subs[3].channel == "c");
  for (const char* bad :
       {R"({"channels":"a"})", R"({"channels":[1]})", R"({"channels":{}})", R"({"channels":null})",
        R"({"subs":[]})", R"({"subs":{"a":1}})", R"({"subs":{"a":null}})", R"({"subs":"a"})"})
    CHECK(outcome(bad) == "invalid");
}

TEST_CASE("rights") {
  CHECK(good(R"({"can":{"subscribe":["a","b:*"],"publish":["c"],"presence":["d"],"history":["e"],"fly":7}})").can ==
        rights{{"a", "b:*"}, {"c"}, {"d"}, {"e"}});
  CHECK(good(R"({"can":{}})").can == rights{});
  for (const char* bad :
       {R"({"can":[]})", R"({"can":null})", R"({"can":{"publish":"a"}})", R"({"can":{"history":[7]}})",
        R"({"can":{"presence":{}}})", R"({"can":{"subscribe":null}})"})
    CHECK(outcome(bad) == "invalid");
}

TEST_CASE("unknown claims don't matter") {
  CHECK(good(R"({"sub":"42","meta":{"a":1},"scope":"x","caps":[1]})").user == "42");
}

TEST_CASE("a payload that isn't an object, or isn't JSON") {
  for (const char* bad : {"", "[]", "null", "42", "\"text\"", "{", "{} {}", "{\"sub\":\"\xFF\"}",
                          R"({"sub":"\ud800"})", "{\"sub\":'x'}"})
    CHECK(outcome(bad) == "invalid");
  for (const char* none : {"", ".", "..", "...", "a.b.c", "a.b", "a"})
    CHECK(outcome(verifier(), none) == "invalid");
}

TEST_CASE("depth is bounded") {
  const auto nested = [](std::size_t depth) {
    return outcome(R"({"info":)" + std::string(depth, '[') + std::string(depth, ']') + "}");
  };
  CHECK(nested(64) == "good");
  CHECK(nested(65) == "invalid");
  CHECK(nested(5000) == "invalid");
  const std::string header = R"({"alg":"HS256","x":)" + std::string(450, '[') + std::string(450, ']') + "}";
  CHECK(outcome(verifier(), token_of("{}", header)) == "invalid");
}

TEST_CASE("a minted token verifies and says what it was told") {
  const auto keys = keys_with({secret, "old"});
  const auto token = mint_token(keys, "42", "chat:1", std::chrono::hours(1), R"({"publish":["chat:*"]})", now);
  const auto got = good(verifier(), token);
  CHECK(got.user == "42");
  CHECK(got.channel == "chat:1");
  CHECK(got.expires_at == now + 3600);
  CHECK(got.issued_at == now);
  CHECK(got.can == rights{{}, {"chat:*"}, {}, {}});
  CHECK(outcome(verifier(), token, now + 3600) == "expired");
  CHECK(outcome(token_verifier(keys_with({"old"})), token) == "invalid");
}

TEST_CASE("a minted token has only what it needs") {
  const auto token = mint_token(keys_with({secret}), "a\"b", "", std::chrono::seconds(0), "", now);
  CHECK(token == token_of(R"({"sub":"a\"b","iat":1800000000})", R"({"alg":"HS256","typ":"JWT"})"));
}

TEST_CASE("minting says what is wrong") {
  const auto keys = keys_with({secret});
  const auto mint = [](const config::token_section& with, std::string_view user, std::string_view can) {
    return mint_token(with, user, "", std::chrono::seconds(60), can, now);
  };
  for (const char* can : {"[]", "7", "{", "no", R"({"publish":"all"})"})
    CHECK_THROWS_AS(mint(keys, "u", can), std::invalid_argument);
  CHECK_THROWS_AS(mint(keys, "\xFF", ""), std::invalid_argument);
  CHECK_THROWS_AS(mint(keys_with({}), "u", ""), std::invalid_argument);
  CHECK_THROWS_AS(mint(keys_with({""}), "u", ""), std::invalid_argument);
  CHECK(outcome(verifier(), mint(keys, "u", "{}")) == "good");
}
