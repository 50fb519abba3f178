#pragma once
// How far a node has read its inbox. The inbox's ids are 1-0, 1-1, ... without holes, so that one that was trimmed
// shows: a gap means that entries were missed. An entry may be of any size up to a batch's, so how many are read at
// once goes by the last ones' bytes. Pure. Owner: the partition.

#include <algorithm>
#include <cstddef>
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

  /// How many entries to ask for now.
  [[nodiscard]] std::size_t most() const noexcept { return most_; }
  /// A read brought so many, of so many bytes.
  void took(std::size_t entries, std::size_t bytes) noexcept {
    if (entries == 0) return;
    const auto each = std::max<std::size_t>(bytes / entries, 1);
    most_ = std::clamp<std::size_t>(bytes_a_read / each, 1, std::min(2 * most_, most_a_read));
  }

private:
  static constexpr std::size_t bytes_a_read = 1 << 20, most_a_read = 256;
  std::uint64_t last_ = 0;
  std::size_t most_ = 16;
};

} // namespace plexus::backplane::redis
