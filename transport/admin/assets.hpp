#pragma once
// The files of the inspection page as the build found them.

#include "transport/asset.hpp"

#include <span>

namespace plexus::transport {

/// All of them, in memory for as long as the process lives. Any thread may call.
std::span<const asset> admin_assets();

} // namespace plexus::transport
