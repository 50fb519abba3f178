#pragma once
// Where a path such as `channels.namespaces.chat.presence` leads in the table of keys. Inside `config` only.

#include "config/schema.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace plexus::config {

using levels = std::vector<std::string>;

std::string join(const levels& parts, std::string_view separator = ".");
levels split(std::string_view text, std::string_view separator);

/// True for `channels.namespaces.NAME` and what is below.
bool in_namespaces(const levels& path) noexcept;

/// What a path leads to; with nothing of it set: nowhere.
struct place {
  const key* a_key = nullptr;
  const option* an_option = nullptr; ///< of a namespace
  bool from_file = false;            ///< the path is that of the key with `_file`
  bool section = false;
  [[nodiscard]] bool known() const noexcept { return a_key || an_option || section; }
};

place locate(const levels& path);

/// Why nothing is at `path`, as the sentence that a fault's `expected` is: the name that was meant or those there
/// are.
std::string advice(const levels& path);

} // namespace plexus::config
