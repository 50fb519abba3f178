#pragma once
// The files of the demo as the build found them.

#include <span>
#include <string>
#include <string_view>

namespace plexus::transport {

struct asset {
  std::string_view path, content_type, bytes;
  std::string tag; ///< for the header ETag, with its quotes; another content has another tag
};

/// All of them, in memory for as long as the process lives. Any thread may call.
std::span<const asset> demo_assets();

} // namespace plexus::transport
