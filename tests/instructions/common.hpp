#pragma once
// What the parts of the scenario share.

#include "config/settings.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace instruction_scenario {

/// Of a node with tokens; channels `log:` have history, presence and join and leave messages.
plexus::config::settings settings();

/// For "user N", who may subscribe and publish in `log:`.
std::string token_of(std::size_t user);

/// 64 bytes of JSON.
std::string data(std::size_t number);

/// How often `what` stands in a text.
std::size_t count_of(std::string_view what, std::string_view in);

/// 1 + 2 + ... + n.
constexpr std::size_t up_to(std::size_t n) {
  return n * (n + 1) / 2;
}

/// A program's exit code: does `all` and says what `check` reads, or on standard error what it threw.
int carry_out(const char* program, const std::function<void()>& all);

/// Throws std::runtime_error.
void require(bool good, const char* what);

} // namespace instruction_scenario
