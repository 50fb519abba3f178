#include "actors/admin/pattern.hpp"

#include <algorithm>

namespace plexus::admin {

namespace {

constexpr std::size_t bits = 64;

void set(std::vector<std::uint64_t>& in, std::size_t from, std::size_t which) {
  in[from + which / bits] |= std::uint64_t{1} << (which % bits);
}

} // namespace

// One bit for each place in the pattern: it is set while what was read so far may end there. A byte moves all
// places on at once; those behind a star stay as well.
pattern::pattern(std::string_view glob) : glob_(glob), plain_(glob.find_first_of("*?") == std::string_view::npos) {
  if (plain_) return;
  std::size_t places = 0;
  for (auto c : glob) places += c != '*';
  words_ = places / bits + 1;
  fits_.assign(256 * words_, 0);
  stays_.assign(words_, 0);
  state_.resize(words_);
  std::size_t at = 0;
  for (auto c : glob) {
    if (c == '*') {
      set(stays_, 0, at);
      continue;
    }
    for (std::size_t byte = 0; byte < 256; ++byte)
      if (c == '?' || static_cast<unsigned char>(c) == byte) set(fits_, byte * words_, at);
    ++at;
  }
  last_ = at;
  open_end_ = glob.back() == '*';
}

bool pattern::matches(std::string_view text) const {
  if (glob_.empty()) return true;
  if (plain_) return glob_ == text;
  const auto at_end = [&] { return (state_[last_ / bits] >> (last_ % bits) & 1U) != 0; };
  std::fill(state_.begin(), state_.end(), 0);
  state_[0] = 1;
  for (const auto c : text) {
    if (open_end_ && at_end()) return true;
    const auto* fits = &fits_[static_cast<unsigned char>(c) * words_];
    word carry = 0, any = 0;
    for (std::size_t i = 0; i < words_; ++i) {
      const auto moved = state_[i] & fits[i];
      const auto next = (moved << 1U) | carry | (state_[i] & stays_[i]);
      carry = moved >> (bits - 1);
      state_[i] = next;
      any |= next;
    }
    if (any == 0) return false;
  }
  return at_end();
}

} // namespace plexus::admin
