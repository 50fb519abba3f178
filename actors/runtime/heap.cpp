#include "actors/runtime/heap.hpp"

#include <malloc.h>

#include <cstddef>

// jemalloc's, in a program that is linked to it; else null.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, std::size_t* old_size, void* new_value,
                                     std::size_t new_size);

namespace plexus::runtime::heap {

std::string_view kind() noexcept {
  return mallctl ? "jemalloc" : "libc";
}

void give_back() noexcept {
  if (mallctl)
    ::mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0); // MALLCTL_ARENAS_ALL
  else
    ::malloc_trim(0);
}

} // namespace plexus::runtime::heap
