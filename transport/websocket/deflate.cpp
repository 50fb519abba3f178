#include "transport/websocket/deflate.hpp"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>

namespace plexus::transport::websocket {

namespace {

/// What a sender leaves off the end of a message and a receiver puts back: an empty block.
constexpr std::string_view left_off("\x00\x00\xff\xff", 4);
/// Speed before size: 64 kB of JSON take a loop 1.3 ms and become 11.6 kB; at zlib's own level 4 ms and 10.8 kB.
constexpr int level = Z_BEST_SPEED;
constexpr int memory_level = 8;
constexpr std::size_t most_at_once = 1U << 30; ///< zlib counts in 32 bits
constexpr std::size_t first_room = 16'384;     ///< more is made as the bytes come

struct deflate_end {
  void operator()(z_stream* s) const noexcept {
    ::deflateEnd(s);
    delete s;
  }
};
struct inflate_end {
  void operator()(z_stream* s) const noexcept {
    ::inflateEnd(s);
    delete s;
  }
};

/// This thread's compressor for a window; made at the first use, 256 kB for the full one.
z_stream& compressor(window_bits bits) {
  thread_local std::array<std::unique_ptr<z_stream, deflate_end>, full_window + 1> made;
  auto& one = made[bits];
  if (!one) {
    auto fresh = std::make_unique<z_stream>();
    if (::deflateInit2(fresh.get(), level, Z_DEFLATED, -int{bits}, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
    one.reset(fresh.release());
  } else {
    ::deflateReset(one.get());
  }
  return *one;
}

/// This thread's decompressor, fresh: 40 kB, of the full window, which reads what smaller ones wrote.
z_stream& decompressor() {
  thread_local std::unique_ptr<z_stream, inflate_end> made;
  if (!made) {
    auto fresh = std::make_unique<z_stream>();
    if (::inflateInit2(fresh.get(), -int{full_window}) != Z_OK) throw std::bad_alloc();
    made.reset(fresh.release());
  } else {
    ::inflateReset(made.get());
  }
  return *made;
}

const Bytef* input(std::string_view bytes) noexcept {
  return reinterpret_cast<const Bytef*>(bytes.data());
}
Bytef* output(std::string& bytes, std::size_t from) noexcept {
  return reinterpret_cast<Bytef*>(bytes.data() + from);
}

/// Between two blocks and at a byte's border (zlib's `data_type`): where a message ends.
bool at_the_end(const z_stream& s) noexcept {
  return (s.data_type & 128) != 0 && (s.data_type & 63) == 0;
}

struct progress {
  std::size_t used = 0; ///< how much of the output is filled
  bool ended = false;   ///< the last byte of the input ended a last block
};

/// Inflates one run of bytes behind what `out` has.
inflated inflate_run(z_stream& s, std::string_view bytes, std::string& out, progress& so_far, std::size_t max) {
  auto& used = so_far.used;
  s.next_in = input(bytes);
  s.avail_in = static_cast<uInt>(bytes.size());
  for (;;) {
    // One byte more than may be: filling it tells that it is too much.
    if (used == out.size()) out.resize(std::min(max + 1, std::max(2 * out.size(), first_room)));
    const auto room = std::min(out.size() - used, most_at_once);
    s.next_out = output(out, used);
    s.avail_out = static_cast<uInt>(room);
    const int how = ::inflate(&s, Z_SYNC_FLUSH);
    used += room - s.avail_out;
    if (used > max) return inflated::too_big;
    if (how == Z_STREAM_END) {
      // A last block; the sender's next ones begin anew.
      if (s.avail_in == 0) {
        so_far.ended = true;
        return inflated::whole;
      }
      ::inflateReset(&s);
    } else if (how != Z_OK && how != Z_BUF_ERROR) {
      return inflated::broken;
    } else if (s.avail_out > 0) {
      // It asks for more; nothing can be left, but then it would go on for ever.
      return s.avail_in == 0 ? inflated::whole : inflated::broken;
    }
  }
}

} // namespace

bool deflate_message(std::string& out, std::string_view message, window_bits bits) {
  if (message.size() < least_compressed || message.size() > most_at_once) return false;
  auto& s = compressor(bits);
  const auto begin = out.size();
  out.resize(begin + message.size()); // no room for more than the message itself: then it isn't worth it
  s.next_in = input(message);
  s.avail_in = static_cast<uInt>(message.size());
  s.next_out = output(out, begin);
  s.avail_out = static_cast<uInt>(message.size());
  const int how = ::deflate(&s, Z_SYNC_FLUSH);
  const auto size = message.size() - s.avail_out;
  // With no room left the end may be missing.
  const bool complete = how == Z_OK && s.avail_in == 0 && s.avail_out > 0 && size > left_off.size();
  out.resize(begin + (complete ? size - left_off.size() : 0));
  return complete;
}

inflated inflate_message(std::string& out, std::string_view payload, std::size_t max) {
  out.clear();
  // Some senders leave out even the one byte of an empty message.
  if (payload.empty()) return inflated::whole;
  if (payload.size() > most_at_once) return inflated::too_big;
  max = std::min(max, out.max_size() / 2);
  out.resize(std::min({max + 1, 4 * payload.size(), first_room}));
  auto& s = decompressor();
  progress so_far;
  auto how = inflate_run(s, payload, out, so_far, max);
  if (how == inflated::whole && !so_far.ended) {
    how = inflate_run(s, left_off, out, so_far, max);
    if (how == inflated::whole && !at_the_end(s)) how = inflated::broken;
  }
  out.resize(how == inflated::whole ? so_far.used : 0);
  return how;
}

} // namespace plexus::transport::websocket
