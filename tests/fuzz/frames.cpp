// Frames of a client, with and without permessage-deflate: whatever the cuts between reads, the same comes out, and
// nothing is held beyond the limit. Input: flags, a seed for the cuts, the stream.

#include "tests/fuzz/input.hpp"
#include "transport/websocket/frame.hpp"

using namespace plexus;
using namespace plexus::transport::websocket;

namespace {

struct recorder final : frame_sink {
  std::string log;
  std::size_t limit = 0;
  bool over = false;

  void note(char kind, std::string_view what) {
    fuzz::require(!over, "something follows the end");
    log += kind;
    log += std::to_string(what.size()) + ":";
    log += what;
  }
  bool on_message(opcode kind, protocol::padded_text message) override {
    fuzz::require(message.size() <= limit, "a message is over the limit");
    fuzz::require(kind == opcode::text || kind == opcode::binary, "a message of another kind");
    note(kind == opcode::text ? 't' : 'b', message.view());
    return true;
  }
  bool on_ping(std::string_view payload) override {
    fuzz::require(payload.size() <= 125, "a long ping");
    note('i', payload);
    return true;
  }
  bool on_pong(std::string_view payload) override {
    note('o', payload);
    return true;
  }
  bool on_close(close_status code, std::string_view reason) override {
    note('c', std::to_string(static_cast<int>(code)) + std::string(reason));
    over = true;
    return false;
  }
  void on_fault(close_status code, std::string_view) override {
    note('f', std::to_string(static_cast<int>(code)));
    over = true;
  }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const unsigned flags = in.byte();
  fuzz::dice cuts(in.byte());
  const bool deflate = (flags & 1U) != 0;
  const std::size_t limit = (flags & 2U) != 0 ? 100 : 70'000;

  std::string whole_bytes(in.rest());
  recorder whole;
  whole.limit = limit;
  frame_reader reader(limit, deflate);
  reader.feed(whole_bytes, whole);

  recorder parts;
  parts.limit = limit;
  frame_reader second(limit, deflate);
  const std::size_t most = (flags & 4U) != 0 ? 3 : 40;
  for (auto rest = in.rest(); !rest.empty();) {
    std::string part(rest.substr(0, 1 + cuts.below(most)));
    rest.remove_prefix(part.size());
    second.feed(part, parts);
    fuzz::require(second.held() <= limit + limit / 128 + 64 + 125, "more is held than the limit allows");
  }
  fuzz::require(whole.log == parts.log, "the cuts between reads make a difference");
  fuzz::require(reader.held() == second.held(), "the cuts between reads make a difference to what is held");
  return 0;
}
