// What handshakes decide from header values. Input: a line for each header.

#include "transport/http/handshake.hpp"
#include "tests/fuzz/input.hpp"
#include "transport/websocket/deflate.hpp"

using namespace plexus;
using namespace plexus::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  http::request what;
  what.method = "GET";
  for (const auto* name : {"upgrade", "connection", "sec-websocket-version", "sec-websocket-key",
                           "sec-websocket-protocol", "origin", "host"})
    what.headers.emplace_back(name, in.line());
  const std::string pattern(in.line());
  what.query = in.line();
  bool wrong_version = false;
  const auto fault = http::handshake_fault(what, wrong_version);
  fuzz::require(!wrong_version || !fault.empty(), "a wrong version is no fault");
  fuzz::require(http::accept_key(what.header("sec-websocket-key")).size() == 28, "an accept key of another size");
  (void)http::agree(what.header("sec-websocket-protocol"), what.parameter("format"));
  (void)http::origin_allowed(what.header("origin"), what.header("host"), {});
  (void)http::origin_allowed(what.header("origin"), what.header("host"), {pattern});
  (void)http::decode_url(in.rest(), true);

  const auto agreed = websocket::agree_on_deflate(in.rest());
  fuzz::require(agreed.window == 0 || (agreed.window >= 9 && agreed.window <= 15), "an impossible window");
  fuzz::require((agreed.window != 0) == !agreed.answer.empty(), "an answer without an agreement");
  fuzz::require(!agreed.malformed || agreed.window == 0, "malformed and agreed to");
  if (!agreed.answer.empty()) {
    // What is answered is a list of extensions itself, and asks for what can be served.
    const auto answer = websocket::agree_on_deflate(agreed.answer);
    fuzz::require(!answer.malformed && answer.window == agreed.window, "the answer isn't what was agreed to");
  }
  return 0;
}
