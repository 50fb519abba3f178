#pragma once
// The files of the demo as the build found them.

#include "transport/asset.hpp"

#include <span>

namespace plexus::transport {

/// All of them, in memory for as long as the process lives. Any thread may call.
std::span<const asset> demo_assets();

} // namespace plexus::transport
