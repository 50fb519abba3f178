#include "actors/protocol/fossil_delta.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

namespace plexus::protocol {

namespace {

constexpr std::size_t block = 8; // bytes that must agree for a place to be looked at

void append_number(std::string& out, std::uint64_t value) {
  static constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
  std::array<char, 11> text;
  auto at = text.size();
  do {
    text[--at] = digits[value & 63];
    value >>= 6;
  } while (value != 0);
  out.append(text.data() + at, text.size() - at);
}

std::size_t digits_of(std::uint64_t value) noexcept {
  return value == 0 ? 1 : (static_cast<std::size_t>(std::bit_width(value)) + 5) / 6;
}

std::uint32_t checksum(std::string_view text) noexcept {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    sum += std::uint32_t{static_cast<unsigned char>(text[i])} << (24 - 8 * (i & 3));
  return sum;
}

std::uint64_t load(const char* at) noexcept {
  std::uint64_t out = 0;
  std::memcpy(&out, at, block);
  return out;
}

bool inside_character(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// Where in the source a block of bytes stands: the last place for each hash value. Places are looked at in steps
/// that grow with the source; what lies between is found by extending a match backwards.
class block_index {
public:
  explicit block_index(std::string_view source) : source_(source) {
    const std::size_t step = source.size() <= 4096 ? 1 : source.size() <= 65'536 ? 4 : 16;
    const auto places = std::bit_ceil(std::max<std::size_t>(source.size() / step, 64));
    shift_ = 64 - std::countr_zero(places);
    last_.assign(places, none);
    for (std::size_t i = 0; i + block <= source.size(); i += step)
      last_[slot(load(source.data() + i))] = static_cast<std::uint32_t>(i);
  }

  /// A place in the source with the same block, or `npos`.
  [[nodiscard]] std::size_t find(const char* bytes) const noexcept {
    const auto place = last_[slot(load(bytes))];
    if (place == none || std::memcmp(source_.data() + place, bytes, block) != 0) return std::string_view::npos;
    return place;
  }

private:
  static constexpr std::uint32_t none = UINT32_MAX;
  [[nodiscard]] std::size_t slot(std::uint64_t bytes) const noexcept {
    return static_cast<std::size_t>((bytes * 0x9E3779B97F4A7C15U) >> shift_);
  }
  std::string_view source_;
  int shift_ = 0;
  std::vector<std::uint32_t> last_;
};

/// Bytes of the target that also stand in the source.
struct match {
  std::size_t target = 0;
  std::size_t source = 0;
  std::size_t size = 0;
  [[nodiscard]] std::size_t end() const noexcept { return target + size; }
  /// More than the commands for it: this copy, and the insert that it cuts in two.
  [[nodiscard]] bool pays() const noexcept { return size > digits_of(size) + digits_of(source) + 4; }
};

class encoder {
public:
  encoder(std::string_view source, std::string_view target) : source_(source), target_(target), index_(source) {}

  std::string run() {
    append_number(out_, target_.size());
    out_ += '\n';
    for (std::size_t i = 0; i + block <= target_.size();) {
      const auto best = find(i);
      if (!best.pays()) {
        ++i;
        continue;
      }
      insert_up_to(best.target);
      append_number(out_, best.size);
      out_ += '@';
      append_number(out_, best.source);
      out_ += ',';
      done_ = i = best.end();
      if (out_.size() >= target_.size()) return {};
    }
    insert_up_to(target_.size());
    append_number(out_, checksum(target_));
    out_ += ';';
    if (out_.size() >= target_.size()) return {};
    return std::move(out_);
  }

private:
  // Three places are likely: behind the last copy with as much changed as was inserted, the same distance from the
  // end (what follows the only change), and wherever the index knows the block.
  match find(std::size_t at) {
    match best;
    const auto consider = [&](std::size_t place) {
      if (place > source_.size() || source_.size() - place < block) return;
      if (std::memcmp(source_.data() + place, target_.data() + at, block) != 0) return;
      const auto found = extend(at, place);
      if (found.size > best.size) best = found;
    };
    consider(place_after_copy_ + (at - done_));
    if (source_.size() >= target_.size() - at) consider(source_.size() - (target_.size() - at));
    if (best.size == 0) {
      if (const auto known = index_.find(target_.data() + at); known != std::string_view::npos) consider(known);
    }
    if (best.pays()) place_after_copy_ = best.source + best.size;
    return best;
  }

  [[nodiscard]] match extend(std::size_t at, std::size_t place) const {
    match m{at, place, block};
    const auto most = std::min(target_.size() - at, source_.size() - place);
    const auto* const begin = target_.data() + at;
    m.size = static_cast<std::size_t>(
        std::mismatch(begin + block, begin + most, source_.data() + place + block).first - begin);
    while (m.target > done_ && m.source > 0 && target_[m.target - 1] == source_[m.source - 1]) {
      --m.target;
      --m.source;
      ++m.size;
    }
    keep_characters_whole(m);
    return m;
  }

  // A character of UTF-8 has three bytes after its first at most; what goes on longer isn't text.
  void keep_characters_whole(match& m) const {
    std::size_t front = 0;
    while (front < 4 && front < m.size && inside_character(target_[m.target + front])) ++front;
    if (front < 4) {
      m.target += front;
      m.source += front;
      m.size -= front;
    }
    std::size_t back = 0;
    while (back < 4 && back < m.size && m.end() - back < target_.size() &&
           inside_character(target_[m.end() - back]))
      ++back;
    if (back < 4) m.size -= back;
  }

  void insert_up_to(std::size_t end) {
    if (end == done_) return;
    append_number(out_, end - done_);
    out_ += ':';
    out_ += target_.substr(done_, end - done_);
  }

  std::string_view source_, target_;
  block_index index_;
  std::string out_;
  std::size_t done_ = 0;             ///< of the target
  std::size_t place_after_copy_ = 0; ///< in the source
};

} // namespace

std::string make_fossil_delta(std::string_view source, std::string_view target) {
  if (source.size() < block || target.size() < block) return {};
  if (source.size() > max_delta_input || target.size() > max_delta_input) return {};
  return encoder(source, target).run();
}

} // namespace plexus::protocol
