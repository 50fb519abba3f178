// JSON from outside: messages of clients, calls of the HTTP API. What is accepted can be written on one line and
// stays valid. Input: which method, the text.

#include "actors/protocol/json.hpp"
#include "actors/protocol/api.hpp"
#include "actors/protocol/codec.hpp"
#include "tests/fuzz/input.hpp"

#include <array>

using namespace plexus;
using namespace plexus::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  constexpr std::array methods{"publish",  "broadcast", "subscribe",      "unsubscribe", "disconnect",
                               "refresh",  "presence",  "presence_stats", "history",     "history_remove",
                               "channels", "info",      "batch",          "rpc",         "nothing"};
  const auto* method = methods[in.byte() % methods.size()];
  const padded_text text(in.rest());

  std::size_t commands = 0, stopped = 0;
  const bool good = codec_for(format::json).decode(text, [&](const command&) { return ++commands, true; });
  codec_for(format::json).decode(text, [&](const command&) { return ++stopped, false; });
  fuzz::require(stopped == std::min<std::size_t>(commands, 1), "a handler that said stop was called again");
  fuzz::require(good || commands <= text.size(), "more commands than bytes");

  (void)decode_api(method, text);
  if (json::valid(in.rest())) {
    std::string line;
    json::append_one_line(line, in.rest());
    fuzz::require(line.find('\n') == std::string::npos, "a line break was left");
    fuzz::require(json::valid(line), "one line of valid JSON isn't valid");
  }
  return 0;
}
