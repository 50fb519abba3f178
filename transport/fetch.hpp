#pragma once
// Memory fetched into the caches ahead of its use, while something else takes its time.

#include <cstddef>

namespace plexus::transport {

/// Two lines from there on, to be written. Any address will do. Always inline, as functions must be that do nothing
/// else but call this: GCC takes them for functions without effect and drops the calls.
[[gnu::always_inline]] inline void fetch(const void* what) noexcept {
  constexpr std::size_t cache_line = 64;
  __builtin_prefetch(what, 1);
  __builtin_prefetch(static_cast<const char*>(what) + cache_line, 1);
}

} // namespace plexus::transport
