#pragma once
// Which sockets of a loop are ready. Beside Asio's reactor for three reasons: a socket is registered once instead
// of with each wait; it costs sixteen bytes instead of an object with locks; and it is known who is ready before
// anything is read, so that thousands who leave or come at once hold up nobody who is here: ends are told apart
// from bytes, and sockets that are new wait for those that are not.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace plexus::runtime {

/// Who owns a socket that is watched.
class pollable {
public:
  /// The socket is `readable` or `writable`, or its peer has sent all that it will or is gone (`ended`; bytes may
  /// still be there, and `readable` isn't said then). Said again at each poll for as long as it is so and is
  /// watched for.
  virtual void ready(bool readable, bool writable, bool ended) = 0;

protected:
  ~pollable() = default;
};

/// One a loop, on its thread. Owner: the loop.
class poller {
public:
  /// `context`: wakes from its wait when a socket is ready. Throws std::system_error without descriptors.
  explicit poller(boost::asio::io_context& context);
  ~poller();
  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;

  /// From now on `who` hears when `socket` is readable (or ended), or writable. Neither: it hears nothing.
  /// False: the kernel has no memory for it.
  [[nodiscard]] bool watch(int socket, pollable& who, bool readable, bool writable);
  /// The socket isn't new any more: whoever it belongs to has been let in.
  void settle(int socket) noexcept;
  /// Before the socket is closed.
  void forget(int socket) noexcept;

  /// Tells the owners of some of the ready sockets, and of all that have ended; says how many of the former.
  std::size_t poll() { return count_ == 0 && next_ == ready_.size() && parked_.empty() ? 0 : poll_some(); }
  /// Before the context waits. False: there is no time to wait, sockets are ready.
  bool sleep();

private:
  struct watched {
    pollable* who = nullptr;
    std::uint32_t generation = 0; ///< rises when forgotten: what was seen before isn't the next owner's
    std::uint16_t mask = 0;
    bool settled = false;
    bool parked = false; ///< new, ready, and not told yet: the kernel isn't asked about it meanwhile
  };
  struct seen {
    int socket;
    std::uint32_t generation, events;
  };
  struct alarm;

  std::size_t poll_some();
  void look();
  void tell(const seen& what);
  void park(watched& known, const seen& what);
  [[nodiscard]] bool ask(int how, int socket, const watched& known) noexcept;
  [[nodiscard]] watched* find(const seen& what) noexcept;

  int epoll_;
  std::unique_ptr<alarm> alarm_;
  std::vector<watched> sockets_; ///< by descriptor
  std::size_t count_ = 0;
  std::vector<seen> ready_; ///< looked at and not told yet, from `next_` on
  std::deque<seen> parked_;
  std::size_t next_ = 0;
  bool more_ = false; ///< the last look found as many as it may
};

} // namespace plexus::runtime
