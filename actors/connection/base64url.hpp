#pragma once
// Base64url without padding, as JWTs and JWKs use it. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace plexus::connection::base64url {

/// Nothing where the text isn't exactly what an encoder would write: no other text stands for the same bytes.
std::optional<std::string> decode(std::string_view text);
std::string encode(std::string_view bytes);

} // namespace plexus::connection::base64url
