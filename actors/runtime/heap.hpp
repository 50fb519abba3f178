#pragma once
// The process' allocator: jemalloc in the node as it is released, the C library's in tests and under sanitizers.

#include <string_view>

namespace plexus::runtime::heap {

/// Whose `malloc` this process runs with: "jemalloc" or "libc".
[[nodiscard]] std::string_view kind() noexcept;

/// Returns pages that hold nothing to the system, of all threads. It walks the whole heap: rarely. Any thread.
void give_back() noexcept;

} // namespace plexus::runtime::heap
