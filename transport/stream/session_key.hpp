#pragma once
// The name of a stream's session: who knows it can speak for its client, so it can't be guessed. It goes to that
// client alone, in the connect reply, and comes back with what the client sends beside its stream.

#include "actors/channel/delivery.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plexus::transport {

using channel::session_id;

/// 128 random bits; the rest says where the session is, so that finding it needs no table.
struct session_key {
  using secret_bytes = std::array<unsigned char, 16>;

  secret_bytes secret{};
  std::uint32_t loop = 0;
  session_id where;
};

/// 32 hexadecimal digits, then loop, slot and generation as decimal numbers: "5f...c1.0.17.3".
std::string to_text(const session_key& key);
/// Nothing for text that `to_text` doesn't make.
std::optional<session_key> read_session_key(std::string_view text) noexcept;

/// From OpenSSL's generator.
session_key::secret_bytes draw_secret();
/// Takes as long for a wrong one as for the right one.
bool same_secret(const session_key::secret_bytes& a, const session_key::secret_bytes& b) noexcept;

} // namespace plexus::transport
