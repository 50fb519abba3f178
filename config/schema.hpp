#pragma once
// The one table of what can be set. Reading, the types of environment values, the search for unknown keys and what
// a reload may change all come from it. Inside `config` only.

#include "config/kinds.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace plexus::config {

template <class Owner>
struct field {
  std::string path; ///< from the root ("client.ping_interval"); of a channel option its bare name
  form text;
  std::string expected;
  std::function<bool(const json&, Owner&)> read; ///< false: no such value, and nothing was changed
  std::function<json(const Owner&)> write;       ///< what `read` would take
  bool live;                                     ///< a reload can change it
  bool secret = false;                           ///< the value is never shown

  [[nodiscard]] bool string_key() const noexcept { return text != form::parsed; }
  [[nodiscard]] bool same(const Owner& a, const Owner& b) const { return write(a) == write(b); }

  field& hidden() { return secret = true, *this; }
};

using key = field<settings>;
using option = field<channel_options>;

/// All keys but those of namespaces; `channels.default` is among them.
std::span<const key> keys();
/// The options that `channels.default` and each namespace have.
std::span<const option> options();

const key* find_key(std::string_view path) noexcept;
const option* find_option(std::string_view name) noexcept;

} // namespace plexus::config
