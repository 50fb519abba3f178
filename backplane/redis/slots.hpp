#pragma once
// A Cluster's hash slots, and the names of the partitions. Pure.

#include <cstdint>
#include <string>
#include <string_view>

namespace plexus::backplane::redis {

constexpr unsigned slot_count = 16'384;

/// The slot of a key that is `tag` or has it between braces.
[[nodiscard]] std::uint16_t slot_of(std::string_view tag) noexcept;

/// What stands between the braces in all keys of partition `index` of `all`: p0, p1.23, ... The number behind the
/// point is chosen so that the partitions' slots lie evenly over all of them, beginning at that of p0: plain p0 to
/// p47 fall 12, 16 and 20 on three equal primaries, and 4 to 12 on six. Partition 0 is always p0, so that what is
/// stored with it is found whatever number a node is configured for.
[[nodiscard]] std::string partition_tag(unsigned index, unsigned all);

/// What an error of a Cluster means for a script or a read.
enum class redirection : std::uint8_t {
  none,   ///< it is about something else
  moving, ///< ASK, TRYAGAIN: the slot is being moved, part of its keys are elsewhere; nothing was done
  moved,  ///< MOVED: another server has it; nothing was done
};
[[nodiscard]] redirection redirection_of(std::string_view error) noexcept;

} // namespace plexus::backplane::redis
