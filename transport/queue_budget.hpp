#pragma once
// The bound on what all queues of the node hold together (`node.max_queue_memory`). Counted is the memory really
// held: a piece that many sockets of a loop wait for is in memory once, and counted once; what TLS has encrypted
// ahead of a socket is that socket's own. Each loop keeps its sum by itself and shows it at the end of its turns,
// so that a delivery costs nothing here.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace plexus::transport {

class link_owner;

/// One a node.
class queue_budget {
public:
  /// Before the loops start; the number to be given to `settle`.
  std::size_t join(link_owner& who);

  /// End of a turn, on the loop `which`: it holds `held` bytes. Over `most` (0: no bound) in all, the readers with
  /// the largest queues are closed until the rest fits, on whichever loops they are.
  void settle(std::size_t which, std::int64_t held, std::size_t most);

private:
  struct alignas(64) share {
    explicit share(link_owner& of) : owner(of) {}
    link_owner& owner;
    std::atomic<std::int64_t> held{0};
    std::atomic<std::size_t> largest{0}; ///< queue, when last looked for
    std::atomic<bool> asked{false};      ///< another loop has sent for this one
    std::size_t closed = 0;              ///< since the last line in the log; the loop's own, as what follows
    std::chrono::steady_clock::time_point logged{};
  };
  [[nodiscard]] bool over(std::size_t most) const noexcept;
  void relieve(share& own, std::size_t most);
  void close_largest(share& own, std::size_t most);

  std::deque<share> shares_;
};

} // namespace plexus::transport
