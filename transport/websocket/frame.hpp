#pragma once
// WebSocket framing (RFC 6455) as a pure state machine: bytes in, messages and control frames out; no I/O.
//
// Why not beast::websocket::stream: it holds 2.6 kB for each connection (a read buffer of 1.5 kB, timers, saved
// operations), of the 6 kB that an idle connection may take. This reader holds under 100 bytes between messages,
// and the socket is read into a buffer that all connections of a loop share. Beast still does HTTP and the
// handshake.

#include "actors/protocol/padded_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace plexus::transport::websocket {

enum class opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// RFC 6455 7.4.1.
enum class close_status : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  no_status = 1005, ///< never on the wire: a close frame without a code
  bad_payload = 1007,
  too_big = 1009,
};

/// Gets what the reader found, in order, from inside `feed`. Each returns false to stop reading (the rest of the
/// bytes is dropped).
class frame_sink {
public:
  virtual ~frame_sink() = default;
  virtual bool on_message(opcode kind, protocol::padded_text message) = 0;
  virtual bool on_ping(std::string_view payload) = 0;
  virtual bool on_pong(std::string_view payload) = 0;
  /// The peer's close frame; nothing follows it.
  virtual bool on_close(close_status code, std::string_view reason) = 0;
  /// The peer broke the protocol: close with this code; nothing follows it.
  virtual void on_fault(close_status code, std::string_view why) = 0;
};

/// Reads frames of a client (masked). One a connection, on its loop's thread.
class frame_reader {
public:
  /// `max_message`: bytes of one message, all its fragments together; beyond is `too_big`, found from the header
  /// already, before the bytes are taken in. `deflate`: permessage-deflate was agreed to; a compressed message then
  /// counts as what it is inflated to.
  explicit frame_reader(std::size_t max_message, bool deflate = false) noexcept :
      max_message_(max_message), deflate_(deflate) {}

  /// Takes any run of bytes, however cut. The bytes may be changed (unmasked in place). The sink must not destroy
  /// the reader from inside. After a close frame, a fault or a sink that said stop, it does nothing.
  void feed(std::span<char> bytes, frame_sink& sink);

  /// Bytes held for an unfinished message.
  [[nodiscard]] std::size_t held() const noexcept;

private:
  enum class phase : std::uint8_t { header, payload, done };

  bool take_header(std::span<char>& bytes, frame_sink& sink);
  bool take_payload(std::span<char>& bytes, frame_sink& sink);
  bool take_data(std::string_view part, frame_sink& sink);
  bool take_control(std::string_view part, frame_sink& sink);
  bool deliver(protocol::padded_text message, frame_sink& sink);
  bool deliver_compressed(std::string_view payload, frame_sink& sink);
  [[nodiscard]] std::size_t most_on_the_wire() const noexcept;
  bool take_close(std::string_view payload, frame_sink& sink);
  void keep(std::string_view part);
  bool text_fits_so_far() noexcept;
  bool fault(close_status code, std::string_view why, frame_sink& sink);
  bool proceed(bool wanted) noexcept;

  std::size_t max_message_;
  std::string message_;             ///< unmasked bytes of a message that isn't complete
  std::size_t checked_ = 0;         ///< bytes of `message_` known to be UTF-8, up to a character's boundary
  std::unique_ptr<char[]> control_; ///< only while a control frame is cut by the end of a read
  std::uint64_t left_ = 0;          ///< payload bytes of this frame still to come
  std::array<unsigned char, 14> header_{};
  std::uint8_t header_size_ = 0;
  std::uint8_t control_size_ = 0;
  std::array<unsigned char, 4> mask_{}; ///< turned so that its first byte is for the next payload byte
  phase phase_ = phase::header;
  opcode message_kind_ = opcode::continuation; ///< of the fragmented message under way; continuation: none
  bool deflate_;
  bool compressed_ = false; ///< the message under way is
};

/// Appends the header of an unmasked, final server frame.
void append_header(std::string& out, opcode kind, std::size_t payload_size, bool compressed = false);
/// Bytes that `append_header` will take for that size.
std::size_t header_size(std::size_t payload_size) noexcept;
/// Appends a whole close frame; `reason` is cut to what fits, at a character's boundary.
void append_close(std::string& out, std::uint16_t code, std::string_view reason);

} // namespace plexus::transport::websocket
