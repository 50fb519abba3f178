#pragma once
// Bytes on their way out, shared by the sockets of one loop without atomics.

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <cstdint>
#include <string>

namespace plexus::transport {

/// Grows at its end while it is being filled; what segments refer to never changes.
struct chunk : boost::intrusive_ref_counter<chunk, boost::thread_unsafe_counter> {
  std::string bytes;
};
using chunk_ptr = boost::intrusive_ptr<chunk>;

/// A piece of a chunk. By offsets: a chunk may move in memory while it grows.
struct segment {
  chunk_ptr data;
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  [[nodiscard]] std::size_t size() const noexcept { return to - from; }
};

} // namespace plexus::transport
