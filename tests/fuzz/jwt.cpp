// Tokens: any text, and any header and payload with a signature that fits. Never a crash; only what is signed is
// good. Input: what to do, then the token, or header and payload in two lines.

#include "actors/connection/token.hpp"
#include "tests/fuzz/input.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <vector>

using namespace plexus;

namespace {

const std::string secret = "not much of a secret, but long enough";

std::string base64url(std::string_view bytes) {
  std::vector<unsigned char> out(4 * (bytes.size() / 3 + 1) + 1);
  const auto size = EVP_EncodeBlock(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                                    static_cast<int>(bytes.size()));
  std::string text(out.begin(), out.begin() + size);
  while (!text.empty() && text.back() == '=') text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

std::string sign(std::string_view header, std::string_view payload) {
  auto text = base64url(header) + "." + base64url(payload);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return text + "." + base64url({reinterpret_cast<const char*>(mac.data()), size});
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const unsigned flags = in.byte();
  config::token_section keys;
  keys.hmac_secrets = {"another one", secret};
  if ((flags & 1U) != 0) keys.audience = "a";
  if ((flags & 2U) != 0) keys.issuer = "i";
  const connection::token_verifier verifier(keys);
  if ((flags & 4U) == 0) {
    // Nobody finds a signature by chance.
    fuzz::require(std::holds_alternative<connection::token_fault>(verifier.verify(in.rest(), 1'700'000'000)),
                  "a token that nobody signed is good");
    return 0;
  }
  const auto header = (flags & 8U) != 0 ? std::string_view(R"({"alg":"HS256","typ":"JWT"})") : in.line();
  const auto token = sign(header, in.rest());
  (void)verifier.verify(token, 1'700'000'000);
  (void)verifier.verify(token, 1'700'000'000, connection::expiry::ignored);
  auto bent = token;
  bent[bent.size() / 2] = bent[bent.size() / 2] == 'A' ? 'B' : 'A';
  fuzz::require(std::holds_alternative<connection::token_fault>(verifier.verify(bent, 1'700'000'000)),
                "a changed token is good");
  return 0;
}
