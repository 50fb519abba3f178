#pragma once
// Random names. Pure but for the randomness; any thread.

#include <cstddef>
#include <string>

namespace plexus::backplane::redis {

/// 11 letters and digits are 65 bits: generations and channel epochs are compared for equality only.
constexpr std::size_t nonce_length = 11;
/// presence.lua relies on it.
constexpr std::size_t inbox_name_length = 12;

std::string make_nonce(std::size_t length);

} // namespace plexus::backplane::redis
