#include "transport/websocket/deflate.hpp"
#include "transport/websocket/frame.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace plexus::transport::websocket {

namespace {

constexpr std::size_t max_control = 125;
/// What is set aside on a header's word alone; a longer message has to send bytes before it gets room.
constexpr std::size_t room_on_credit = 16'384;

bool is_control(opcode kind) noexcept {
  return (static_cast<unsigned>(kind) & 8U) != 0;
}

bool is_known(opcode kind) noexcept {
  return kind <= opcode::binary || (kind >= opcode::close && kind <= opcode::pong);
}

/// Size of the whole header, by its second byte.
std::size_t full_header(unsigned char second) noexcept {
  const unsigned length = second & 0x7FU;
  return 2U + (length == 126 ? 2U : length == 127 ? 8U : 0U) + 4U;
}

/// Applies the mask and turns it on by as many bytes.
void unmask(std::span<char> bytes, std::array<unsigned char, 4>& mask) noexcept {
  std::array<unsigned char, 8> twice{};
  std::memcpy(twice.data(), mask.data(), 4);
  std::memcpy(twice.data() + 4, mask.data(), 4);
  std::uint64_t key = 0;
  std::memcpy(&key, twice.data(), 8);

  char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    word ^= key;
    std::memcpy(at, &word, 8);
  }
  for (std::size_t i = 0; i < left; ++i) at[i] = static_cast<char>(static_cast<unsigned char>(at[i]) ^ twice[i]);
  std::memcpy(mask.data(), twice.data() + left % 4, 4);
}

bool may_be_sent(unsigned code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

bool is_utf8(std::string_view text) noexcept {
  return simdjson::validate_utf8(text.data(), text.size());
}

/// Bytes at the end of `text` that begin a character without ending it.
std::size_t open_tail(std::string_view text) noexcept {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0U) == 0x80U) continue;
    const std::size_t wanted = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return wanted > back ? back : 0;
  }
  return 0;
}

/// True when some bytes could still make a character of this tail: tried with the first ones that ever could.
bool can_be_completed(std::string_view tail) noexcept {
  std::array<char, 4> whole{};
  whole.fill(static_cast<char>(0x80));
  const auto lead = static_cast<unsigned char>(tail[0]);
  whole[1] = static_cast<char>(lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80);
  std::copy(tail.begin(), tail.end(), whole.begin());
  return is_utf8({whole.data(), lead >= 0xF0 ? 4U : lead >= 0xE0 ? 3U : 2U});
}

} // namespace

void frame_reader::feed(std::span<char> bytes, frame_sink& sink) {
  while (phase_ != phase::done) {
    if (phase_ == phase::header && !take_header(bytes, sink)) return;
    if (!take_payload(bytes, sink)) return;
  }
}

std::size_t frame_reader::held() const noexcept {
  return message_.size() + control_size_;
}

bool frame_reader::proceed(bool wanted) noexcept {
  if (wanted) return true;
  phase_ = phase::done;
  std::string().swap(message_); // an assignment would keep the room
  control_.reset();
  control_size_ = 0;
  return false;
}

bool frame_reader::fault(close_status code, std::string_view why, frame_sink& sink) {
  proceed(false);
  sink.on_fault(code, why);
  return false;
}

/// True once a whole header is there and allowed; the state is then that of its payload.
bool frame_reader::take_header(std::span<char>& bytes, frame_sink& sink) {
  const auto gather = [&](std::size_t wanted) {
    const std::size_t n = std::min(wanted - header_size_, bytes.size());
    if (n > 0) std::memcpy(header_.data() + header_size_, bytes.data(), n);
    header_size_ = static_cast<std::uint8_t>(header_size_ + n);
    bytes = bytes.subspan(n);
    return header_size_ == wanted;
  };

  const auto refuse = [&](std::string_view why) { return fault(close_status::protocol_error, why, sink); };

  if (header_size_ < 2) {
    if (!gather(2)) return false;
    const auto kind = static_cast<opcode>(header_[0] & 0x0FU);
    // The first bit marks a compressed message, on its first frame (RFC 7692 6).
    const bool may_be_compressed = deflate_ && (kind == opcode::text || kind == opcode::binary);
    if ((header_[0] & (may_be_compressed ? 0x30U : 0x70U)) != 0) return refuse("reserved bits set");
    if (!is_known(kind)) return refuse("unknown opcode");
    if ((header_[1] & 0x80U) == 0) return refuse("frame isn't masked");
    if (is_control(kind)) {
      if ((header_[0] & 0x80U) == 0) return refuse("fragmented control frame");
      if ((header_[1] & 0x7FU) > max_control) return refuse("control frame too long");
    } else if (kind == opcode::continuation && message_kind_ == opcode::continuation) {
      return refuse("continuation of nothing");
    } else if (kind != opcode::continuation && message_kind_ != opcode::continuation) {
      return refuse("new message inside a fragmented one");
    }
  }
  const std::size_t size = full_header(header_[1]);
  if (!gather(size)) return false;

  left_ = header_[1] & 0x7FU;
  if (size > 6) {
    left_ = 0;
    for (std::size_t i = 2; i < size - 4; ++i) left_ = left_ << 8U | header_[i];
    if (left_ >> 63U != 0) return refuse("length too large");
    if (left_ < (size == 8 ? 126U : 65'536U)) return refuse("length not in its shortest form");
  }
  const auto kind = static_cast<opcode>(header_[0] & 0x0FU);
  if (!is_control(kind)) {
    if (kind != opcode::continuation) {
      message_kind_ = kind;
      compressed_ = (header_[0] & 0x40U) != 0;
    }
    if (left_ > most_on_the_wire() - message_.size()) return fault(close_status::too_big, "message too big", sink);
  }
  std::memcpy(mask_.data(), header_.data() + size - 4, 4);
  header_size_ = 0;
  phase_ = phase::payload;
  return true;
}

/// True once the frame is complete and the next may follow. `header_[0]` is still this frame's.
bool frame_reader::take_payload(std::span<char>& bytes, frame_sink& sink) {
  if (bytes.empty() && left_ > 0) return false;
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  const auto part = bytes.first(n);
  bytes = bytes.subspan(n);
  left_ -= n;
  unmask(part, mask_);
  if (left_ == 0) phase_ = phase::header;
  const std::string_view text(part.data(), part.size());
  return is_control(static_cast<opcode>(header_[0] & 0x0FU)) ? take_control(text, sink) : take_data(text, sink);
}

bool frame_reader::take_data(std::string_view part, frame_sink& sink) {
  const bool complete = left_ == 0 && (header_[0] & 0x80U) != 0;
  if (complete && message_.empty())
    return compressed_ ? deliver_compressed(part, sink) : deliver(protocol::padded_text(part), sink);
  if (!part.empty()) keep(part);
  if (complete) {
    auto whole = std::exchange(message_, {});
    return compressed_ ? deliver_compressed(whole, sink)
                       : deliver(protocol::padded_text::take(std::move(whole)), sink);
  }
  if (!text_fits_so_far()) return fault(close_status::bad_payload, "text isn't UTF-8", sink);
  return left_ == 0;
}

bool frame_reader::deliver(protocol::padded_text message, frame_sink& sink) {
  const opcode kind = std::exchange(message_kind_, opcode::continuation);
  const std::size_t checked = std::exchange(checked_, 0);
  if (kind == opcode::text && !is_utf8(message.view().substr(checked)))
    return fault(close_status::bad_payload, "text isn't UTF-8", sink);
  return proceed(sink.on_message(kind, std::move(message)));
}

bool frame_reader::deliver_compressed(std::string_view payload, frame_sink& sink) {
  compressed_ = false;
  std::string message;
  switch (inflate_message(message, payload, max_message_)) {
  case inflated::too_big:
    return fault(close_status::too_big, "message too big", sink);
  case inflated::broken:
    return fault(close_status::bad_payload, "message isn't compressed as agreed", sink);
  case inflated::whole:
    break;
  }
  return deliver(protocol::padded_text::take(std::move(message)), sink);
}

/// Compressed bytes of one message that are taken in: what can't be compressed grows a little.
std::size_t frame_reader::most_on_the_wire() const noexcept {
  if (!compressed_) return max_message_;
  return std::max(max_message_, max_message_ + max_message_ / 128 + 64); // the first where the sum wraps
}

/// Appends with room for the rest of the frame and the padding, so that `take` need not copy.
void frame_reader::keep(std::string_view part) {
  const std::size_t needed = message_.size() + part.size() + protocol::padded_text::padding;
  if (needed > message_.capacity()) {
    const std::size_t announced = needed + static_cast<std::size_t>(left_);
    std::size_t room = std::max({needed, 2 * message_.capacity(), std::min(announced, room_on_credit)});
    if ((header_[0] & 0x80U) != 0) room = std::min(room, announced);
    message_.reserve(room);
  }
  message_.append(part);
}

/// Finds bad text before its message is complete. Each byte is looked at about once, whatever the fragments.
bool frame_reader::text_fits_so_far() noexcept {
  if (message_kind_ != opcode::text || compressed_) return true;
  const auto fresh = std::string_view(message_).substr(checked_);
  const std::size_t tail = open_tail(fresh);
  if (!is_utf8(fresh.substr(0, fresh.size() - tail))) return false;
  checked_ += fresh.size() - tail;
  return tail == 0 || can_be_completed(fresh.substr(fresh.size() - tail));
}

bool frame_reader::take_control(std::string_view part, frame_sink& sink) {
  std::unique_ptr<char[]> gathered; // owns what `part` may point into
  if (left_ > 0 || control_size_ > 0) {
    if (!control_) control_ = std::make_unique<char[]>(max_control);
    std::copy(part.begin(), part.end(), control_.get() + control_size_);
    control_size_ = static_cast<std::uint8_t>(control_size_ + part.size());
    if (left_ > 0) return false;
    gathered = std::move(control_);
    part = {gathered.get(), std::exchange(control_size_, std::uint8_t{0})};
  }
  switch (static_cast<opcode>(header_[0] & 0x0FU)) {
  case opcode::ping:
    return proceed(sink.on_ping(part));
  case opcode::pong:
    return proceed(sink.on_pong(part));
  default:
    return take_close(part, sink);
  }
}

bool frame_reader::take_close(std::string_view payload, frame_sink& sink) {
  if (payload.empty()) {
    proceed(false);
    sink.on_close(close_status::no_status, {});
    return false;
  }
  if (payload.size() == 1) return fault(close_status::protocol_error, "close code cut off", sink);
  const unsigned code =
      static_cast<unsigned>(static_cast<unsigned char>(payload[0])) << 8U | static_cast<unsigned char>(payload[1]);
  if (!may_be_sent(code)) return fault(close_status::protocol_error, "close code not allowed", sink);
  const auto reason = payload.substr(2);
  if (!is_utf8(reason)) return fault(close_status::bad_payload, "close reason isn't UTF-8", sink);
  proceed(false);
  sink.on_close(static_cast<close_status>(code), reason);
  return false;
}

} // namespace plexus::transport::websocket
