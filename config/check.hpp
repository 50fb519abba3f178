#pragma once
// What can only be judged over several keys at once, after all sources are read. Inside `config` only.

#include "config/load.hpp"

#include <set>
#include <string>
#include <vector>

namespace plexus::config {

/// `refused`: the keys that already have a fault; nothing is concluded from their values.
std::vector<fault> contradictions(const loaded& from, const std::set<std::string, std::less<>>& refused);

} // namespace plexus::config
