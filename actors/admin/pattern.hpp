#pragma once
// Globs for lists: `*` and `?`. Whatever the pattern, a name costs a few steps a byte and 64 bytes of pattern, so
// that nobody's pattern holds a loop up. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::admin {

class pattern {
public:
  /// Empty: everything matches. Without `*` and `?`: the name itself.
  explicit pattern(std::string_view glob);

  [[nodiscard]] bool empty() const noexcept { return glob_.empty(); }
  [[nodiscard]] bool matches(std::string_view text) const;
  /// About how many steps one name takes, as a share of a short one's.
  [[nodiscard]] std::size_t cost() const noexcept { return plain_ ? 1 : words_; }

private:
  using word = std::uint64_t;
  std::string glob_;
  bool plain_ = true, open_end_ = false;
  std::size_t words_ = 0, last_ = 0;
  std::vector<word> fits_;  ///< by byte: which places of the pattern take it
  std::vector<word> stays_; ///< places behind a star: they wait for any byte
  mutable std::vector<word> state_;
};

} // namespace plexus::admin
