#pragma once
// The Protobuf format. A message holds one or more commands or replies, each with its length before it as a varint;
// payloads are bytes and pass untouched. `protozero` reads and writes the wire's primitives; the field numbers are
// in protobuf_fields.hpp.

#include "actors/protocol/codec.hpp"

namespace plexus::protocol {

class protobuf_codec final : public codec {
public:
  [[nodiscard]] format which() const noexcept override { return format::protobuf; }

  /// Fields that aren't known, or come with another wire type than theirs, are passed over; texts must be UTF-8.
  /// Throws nothing but what `handle` throws.
  bool decode(const padded_text& message, const command_handler& handle) const override;

  /// One reply with its length before it, so that messages may simply follow each other.
  void encode(std::string& out, std::uint32_t id, const reply& what) const override;
  void encode(std::string& out, std::string_view channel, const push& what) const override;
  void encode_separator(std::string&) const override {}
  /// An empty reply: a length of zero.
  void encode_ping(std::string& out) const override { out += '\0'; }
};

} // namespace plexus::protocol
