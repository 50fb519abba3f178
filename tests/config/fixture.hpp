#pragma once
// Short ways to load a configuration in a test, with files that exist only in memory.

#include "config/load.hpp"

#include <map>
#include <string>
#include <vector>

namespace plexus::config::testing {

using lines = std::vector<std::string>;
using files = std::map<std::string, std::string>;

inline loaded load_all(const std::string& text, const lines& environment = {}, const lines& set = {},
                       const files& disk = {}) {
  sources from;
  if (!text.empty()) from.file = document{"plexus.json", text};
  from.environment = environment;
  from.set = set;
  from.read = [disk](const std::string& path) -> std::optional<std::string> {
    const auto found = disk.find(path);
    return found == disk.end() ? std::nullopt : std::optional{found->second};
  };
  return load(from);
}

/// The faults as an operator reads them.
inline lines faults(const loaded& from) {
  lines all;
  for (const auto& f : from.faults) all.push_back(to_string(f));
  return all;
}

inline lines faults_of(const std::string& text, const lines& environment = {}, const lines& set = {},
                       const files& disk = {}) {
  return faults(load_all(text, environment, set, disk));
}

} // namespace plexus::config::testing
