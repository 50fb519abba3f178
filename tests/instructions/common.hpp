#pragma once
// What the parts of the scenario share.

#include "config/settings.hpp"

#include <cstddef>
#include <string>

namespace instruction_scenario {

/// Of a node with tokens; channels `log:` have history, presence and join and leave messages.
plexus::config::settings settings();

/// For "user N", who may subscribe and publish in `log:`.
std::string token_of(std::size_t user);

/// 64 bytes of JSON.
std::string data(std::size_t number);

/// Throws std::runtime_error.
void require(bool good, const char* what);

} // namespace instruction_scenario
