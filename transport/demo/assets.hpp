#pragma once
// The files of the demo as the build found them.

#include <span>
#include <string_view>

namespace plexus::transport {

struct asset {
  std::string_view path, content_type, bytes;
};

std::span<const asset> demo_assets() noexcept;

} // namespace plexus::transport
