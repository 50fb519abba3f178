// Compressed messages: never more than the limit, the same each time, and what was inflated can be deflated and
// inflated again in every window. Input: the limit, the bytes.

#include "tests/fuzz/input.hpp"
#include "transport/websocket/deflate.hpp"

using namespace plexus;
using namespace plexus::transport::websocket;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const std::size_t limit = std::size_t{1} << (in.byte() % 17U);
  std::string first, again;
  const auto how = inflate_message(first, in.rest(), limit);
  fuzz::require(first.size() <= limit, "more came out than the limit allows");
  fuzz::require(first.capacity() <= 2 * limit + 20'000, "more room was made than the limit allows");
  fuzz::require(how == inflate_message(again, in.rest(), limit) && first == again, "another time, another message");

  std::string packed = "kept";
  for (window_bits bits = 9; bits <= full_window; ++bits) {
    packed.resize(4);
    if (!deflate_message(packed, in.rest(), bits)) continue;
    fuzz::require(packed.size() - 4 < in.rest().size(), "compressing made it longer");
    fuzz::require(inflate_message(again, std::string_view(packed).substr(4), in.rest().size()) == inflated::whole &&
                      again == in.rest(),
                  "a message didn't survive its compression");
  }
  fuzz::require(packed.starts_with("kept"), "what stood before was changed");
  return 0;
}
