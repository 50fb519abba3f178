#pragma once
// What one channel remembers of the idempotency keys it has seen: which offset each one's publication got, until
// its time is over. Pure: time is an argument.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace plexus::backplane {

class idempotency_keys {
public:
  using milliseconds = std::chrono::milliseconds;

  idempotency_keys() = default;
  idempotency_keys(const idempotency_keys&) = delete; // `order_` points into `known_`
  idempotency_keys& operator=(const idempotency_keys&) = delete;

  /// The offset (0: not logged) that `key` got, when it is still remembered at `now`.
  [[nodiscard]] std::optional<std::uint64_t> find(const std::string& key, milliseconds now) const;
  /// Remembers `key`, which `find` doesn't know, until `until`.
  void add(std::string key, std::uint64_t offset, milliseconds until);
  /// Drops at most `most` keys whose time is over, oldest first, and says how many. A key with a shorter time than
  /// one added before it waits for that one: only its memory does, `find` goes by the key's own time.
  std::size_t expire(milliseconds now, std::size_t most);
  /// When the next call of `expire` has something to do.
  [[nodiscard]] std::optional<milliseconds> next_due() const;
  [[nodiscard]] bool empty() const noexcept { return order_.empty(); }

private:
  struct record {
    std::uint64_t offset;
    milliseconds until;
  };
  using table = std::unordered_map<std::string, record>;

  table known_;
  std::deque<std::pair<milliseconds, const table::value_type*>> order_;
};

} // namespace plexus::backplane
