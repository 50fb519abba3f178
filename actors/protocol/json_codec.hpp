#pragma once
// The JSON format. A message holds one or more objects, each on a line of its own; payloads stand in it as JSON.

#include "actors/protocol/codec.hpp"

namespace plexus::protocol {

class json_codec final : public codec {
public:
  [[nodiscard]] format which() const noexcept override { return format::json; }

  /// Payload views hold no line breaks.
  bool decode(const padded_text& message, const command_handler& handle) const override;

  /// One object, no newline after it.
  void encode(std::string& out, std::uint32_t id, const reply& what) const override;
  void encode(std::string& out, std::string_view channel, const push& what) const override;
  void encode_separator(std::string& out) const override { out += '\n'; }
  void encode_ping(std::string& out) const override { out += "{}"; }
};

} // namespace plexus::protocol
