#include "actors/runtime/heap.hpp"

#include <doctest/doctest.h>

using namespace plexus::runtime;

TEST_CASE("memory is given back with whatever allocator the process has") {
  CHECK(heap::kind() == "libc");
  heap::give_back();
}
