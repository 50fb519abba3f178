// Messages of clients in Protobuf.

#include "actors/protocol/codec.hpp"
#include "tests/fuzz/input.hpp"

using namespace plexus;
using namespace plexus::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const padded_text message(bytes);
  std::size_t commands = 0, stopped = 0;
  codec_for(format::protobuf).decode(message, [&](const command&) { return ++commands, true; });
  codec_for(format::protobuf).decode(message, [&](const command&) { return ++stopped, false; });
  fuzz::require(stopped == std::min<std::size_t>(commands, 1), "a handler that said stop was called again");
  fuzz::require(commands <= size, "more commands than bytes");
  return 0;
}
