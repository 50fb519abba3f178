#pragma once
// The limits of the Linux control groups that this process is in, of version 1 and 2.

#include <cstddef>
#include <filesystem>
#include <optional>

namespace plexus::runtime {

struct control_group {
  std::optional<double> cpu_quota;         ///< cores' worth of time
  std::optional<std::size_t> memory_limit; ///< bytes
};

/// A group's limits hold for all below it, so the smallest on the way up is what counts. `root`: "/" but in tests.
control_group read_control_group(const std::filesystem::path& root);

} // namespace plexus::runtime
