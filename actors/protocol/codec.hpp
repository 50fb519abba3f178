#pragma once
// One format of the client protocol: bytes to commands, replies and pushes to bytes. Pure: no I/O, no clock, no
// actors; fuzzed. How several commands share a message belongs to the format too; how a message travels (WebSocket
// frame, line of a stream, event) belongs to the transport.

#include "actors/protocol/command.hpp"
#include "actors/protocol/padded_text.hpp"
#include "actors/protocol/reply.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace plexus::protocol {

enum class format : std::uint8_t { json, protobuf };
inline constexpr std::size_t format_count = 2;

/// One instance a format for the whole process (`codec_for`); may be used on any thread.
class codec {
public:
  /// Gets each command of a message in order; false stops the decoding (the connection is being closed).
  using command_handler = std::function<bool(const command&)>;

  virtual ~codec() = default;

  [[nodiscard]] virtual format which() const noexcept = 0;

  /// Calls `handle` for each command of `message`. False: the message isn't of this format (close 3501); commands
  /// that stood before the fault have been handled then.
  virtual bool decode(const padded_text& message, const command_handler& handle) const = 0;

  /// Appends the reply to command `id`.
  virtual void encode(std::string& out, std::uint32_t id, const reply& what) const = 0;
  /// Appends a push; `channel` is empty for those that belong to none.
  virtual void encode(std::string& out, std::string_view channel, const push& what) const = 0;
  /// Appends what stands between two replies or pushes of one message.
  virtual void encode_separator(std::string& out) const = 0;
  /// Appends the server's ping.
  virtual void encode_ping(std::string& out) const = 0;

protected:
  codec() = default;
  codec(const codec&) = default;
  codec& operator=(const codec&) = default;
};

/// The codec of a format; lives as long as the process.
const codec& codec_for(format f) noexcept;

} // namespace plexus::protocol
