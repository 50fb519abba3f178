#pragma once
// Bytes on their way out, shared by the sockets of one loop without atomics.

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace plexus::transport {

/// Grows at its end while it is being filled; what segments refer to never changes.
struct chunk : boost::intrusive_ref_counter<chunk, boost::thread_unsafe_counter> {
  chunk() = default;
  chunk(const chunk&) = delete;
  chunk& operator=(const chunk&) = delete;
  ~chunk() { held -= counted; }

  /// Counts what it takes in memory by now; to be called when it waits for a socket. However many sockets share it,
  /// it is counted once.
  void count() noexcept {
    auto now = static_cast<std::int64_t>(sizeof(chunk) + bytes.capacity());
    held += now - counted;
    counted = now;
  }

  std::string bytes;
  std::int64_t counted = 0;
  /// Not 0: nothing but publications of this channel, which may be skipped by a reader that is too slow.
  std::uint64_t skippable = 0;
  /// Not null: a large reply that its client asked for, with what it holds of the client's `channel::reply_room`.
  std::shared_ptr<const void> owed;

  /// What the counted chunks of this thread's loop take in memory, and what its TLS connections have encrypted
  /// ahead of their sockets.
  inline static thread_local std::int64_t held = 0;
};
using chunk_ptr = boost::intrusive_ptr<chunk>;

/// A piece of a chunk. By offsets: a chunk may move in memory while it grows.
struct segment {
  chunk_ptr data;
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  [[nodiscard]] std::size_t size() const noexcept { return to - from; }
};

/// All of `bytes` in a chunk of their own, counted.
inline segment own_segment(std::string bytes) {
  chunk_ptr own{new chunk};
  own->bytes = std::move(bytes);
  own->count();
  const auto size = static_cast<std::uint32_t>(own->bytes.size());
  return {std::move(own), 0, size};
}

} // namespace plexus::transport
