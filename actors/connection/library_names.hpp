#pragma once
// What clients say they are made with. Thousands use the same few, so each is kept once and a client has a pointer.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::connection {

struct client_library {
  std::string name, version;
};

/// One a loop, on its thread.
class library_names {
public:
  static constexpr std::size_t max_kept = 64;   ///< different ones; what comes beyond is "other"
  static constexpr std::size_t max_length = 64; ///< bytes of a name or a version; longer ones are "other" too

  /// Null where both are empty. What it returns stays.
  const client_library* find(std::string_view name, std::string_view version) {
    if (name.empty() && version.empty()) return nullptr;
    auto known = [&](auto& l) { return l->name == name && l->version == version; };
    if (auto at = std::find_if(kept_.begin(), kept_.end(), known); at != kept_.end()) return at->get();
    if (kept_.size() >= max_kept || name.size() > max_length || version.size() > max_length) return &other_;
    return kept_
        .emplace_back(std::make_unique<client_library>(client_library{std::string(name), std::string(version)}))
        .get();
  }

private:
  std::vector<std::unique_ptr<client_library>> kept_;
  client_library other_{"other", ""};
};

} // namespace plexus::connection
