#pragma once
// How far a node has read its inbox. The inbox's ids are 1-0, 1-1, ... without holes, so that one that was trimmed
// shows: a gap means that entries were missed. Pure. Owner: the partition.

#include <cstdint>

namespace plexus::backplane::redis {

class inbox_tail {
public:
  enum class seen : std::uint8_t { next, known, gap };

  /// A new inbox: entry 0 is its beginning, put there by who made it.
  void begin() noexcept { last_ = 0; }
  /// Notes the id's number.
  seen take(std::uint64_t number) noexcept {
    if (number <= last_) return seen::known;
    if (number != last_ + 1) return seen::gap;
    last_ = number;
    return seen::next;
  }
  /// Everything up to `number` was handled.
  [[nodiscard]] bool reached(std::uint64_t number) const noexcept { return last_ >= number; }
  [[nodiscard]] std::uint64_t last() const noexcept { return last_; }

private:
  std::uint64_t last_ = 0;
};

} // namespace plexus::backplane::redis
