#pragma once
// What waits for one socket: whole frames, replies and shared broadcasts alike, in order; written with one gathered
// send a turn. An empty queue holds no memory.

#include "transport/buffer.hpp"

#include <boost/container/small_vector.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace plexus::transport {

/// One a socket, on its loop.
class outbound {
public:
  enum class result {
    drained, ///< all is with the kernel
    blocked, ///< the socket's buffer is full: wait until it is writable
    failed,  ///< the connection is broken
  };

  /// Appends own bytes; small ones share a chunk.
  void append(std::string_view bytes);
  void append(segment s);
  /// What a send of `s` alone has left of it: its first `done` bytes are out. Only while the queue is empty.
  void append_rest(segment s, std::size_t done);
  /// What is appended from now on can be preceded by `insert_at_mark`. Nothing is written until then.
  void set_mark();
  void insert_at_mark(std::string_view bytes);
  void insert_at_mark(segment s);

  /// Gathers what waits into as few sends as the kernel takes.
  result write_to(int socket);

  /// The begin of what waits, joined to as many bytes as `scratch` has: for those who send it in another form. Uses
  /// `scratch` only where the pieces are small.
  [[nodiscard]] std::string_view front(std::span<char> scratch) const;
  /// So many bytes at the begin are out.
  void consume(std::size_t bytes);

  /// Drops what has not been begun; a frame half-way out stays, so that a close frame may follow it. Returns the
  /// bytes dropped.
  std::size_t drop_unsent();
  /// Drops what has not been begun and may be skipped; returns the channels' `chunk::skippable`.
  std::vector<std::uint64_t> drop_skippable();
  void clear();

  [[nodiscard]] bool empty() const noexcept { return queue_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
  /// The same without the large replies that the client asked for. Looks at all that waits.
  [[nodiscard]] std::size_t unasked() const noexcept;

private:
  boost::container::small_vector<segment, 1> queue_;
  std::size_t bytes_ = 0;
  std::uint32_t mark_ = 0; ///< segments before it
  bool sealed_ = false;    ///< the next bytes start a segment of their own
  bool begun_ = false;     ///< part of the first segment is out
};

} // namespace plexus::transport
