#pragma once
// Takes an input of the fuzzer apart. A target is a file that defines LLVMFuzzerTestOneInput; it fails by `require`
// or by what the sanitizers see.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace plexus::fuzz {

class input {
public:
  input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  /// 0 at the end.
  unsigned byte() noexcept {
    if (rest_.empty()) return 0;
    const auto one = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return one;
  }
  /// Up to `size` bytes.
  std::string_view take(std::size_t size) noexcept {
    const auto out = rest_.substr(0, size);
    rest_.remove_prefix(out.size());
    return out;
  }
  std::string_view line() noexcept {
    const auto out = rest_.substr(0, rest_.find('\n'));
    rest_.remove_prefix(std::min(out.size() + 1, rest_.size()));
    return out;
  }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

private:
  std::string_view rest_;
};

/// Numbers that look random and are the same each time.
class dice {
public:
  explicit dice(unsigned seed) : state_(seed + 1U) {}
  std::size_t below(std::size_t limit) noexcept {
    state_ = state_ * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    return static_cast<std::size_t>(state_ >> 33U) % std::max<std::size_t>(limit, 1);
  }

private:
  std::uint64_t state_;
};

inline void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

} // namespace plexus::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
