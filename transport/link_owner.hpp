#pragma once
// What the links of one loop share: the read buffer, the list of those that have something to write, and the rule
// for readers that are too slow.

#include "actors/runtime/loop.hpp"
#include "transport/link.hpp"

#include <array>
#include <cstddef>
#include <unordered_set>
#include <vector>

namespace plexus::transport {

class link_owner {
public:
  explicit link_owner(runtime::loop& home) : home_(home) {}
  virtual ~link_owner() = default;

  [[nodiscard]] runtime::loop& home() const noexcept { return home_; }
  [[nodiscard]] std::span<char> read_buffer() noexcept { return read_buffer_; }
  [[nodiscard]] std::size_t links() const noexcept { return links_.size(); }
  /// Bytes that wait for the slowest reader.
  [[nodiscard]] std::size_t largest_queue() const noexcept;
  /// All for whom something waits, the slowest first.
  [[nodiscard]] std::vector<link_ptr> largest_queues() const;

  /// Bytes that may wait for one socket after a write; more make its reader a slow one.
  [[nodiscard]] virtual std::size_t max_queue() const noexcept = 0;
  /// A proxy has said whose connection this is. False: it isn't welcome.
  virtual bool may_come(link& l) = 0;
  /// A link has closed; it is destroyed with its last reference.
  virtual void on_closed() = 0;

protected:
  void adopt(link& l) { links_.insert(link_ptr(&l)); }
  /// End of the turn: one gathered write for each link that has something.
  void flush_links();
  void abort_all();

private:
  friend class link;
  void retire(std::unique_ptr<stage> old) { retired_.push_back(std::move(old)); }
  void add_dirty(link& l) { dirty_.emplace_back(&l); }
  void forget(link& l);

  struct link_hash {
    std::size_t operator()(const link_ptr& l) const noexcept { return std::hash<link*>{}(l.get()); }
  };

  runtime::loop& home_;
  std::array<char, 65536> read_buffer_;
  std::vector<link_ptr> dirty_, flushing_;
  std::vector<std::unique_ptr<stage>> retired_;   ///< ended in this turn
  std::unordered_set<link_ptr, link_hash> links_; ///< open ones; keeps those alive that wait for nothing
};

} // namespace plexus::transport
