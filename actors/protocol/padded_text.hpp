#pragma once
// Text that may be read a little past its end, as simdjson asks of what it parses.

#include <cstddef>
#include <string>
#include <string_view>

namespace plexus::protocol {

/// Owns its bytes; movable between threads. `view()` is the text; `padding` readable bytes follow it.
class padded_text {
public:
  static constexpr std::size_t padding = 64;

  padded_text() = default;
  explicit padded_text(std::string_view text) : size_(text.size()) {
    bytes_.reserve(text.size() + padding);
    bytes_.append(text).append(padding, '\0');
  }
  /// Takes over `text` and pads it.
  static padded_text take(std::string text) {
    padded_text out;
    out.size_ = text.size();
    out.bytes_ = std::move(text);
    out.bytes_.append(padding, '\0');
    return out;
  }

  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
  std::string bytes_;
  std::size_t size_ = 0;
};

} // namespace plexus::protocol
