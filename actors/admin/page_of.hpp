#pragma once
// The first so many of a long list, in an order, from a place on: what is kept while the list is walked. Pure.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace plexus::admin {

/// The place in the order: the larger number first, then the smaller text.
struct sort_key {
  double number = 0;
  std::string text;
  [[nodiscard]] bool before(const sort_key& other) const noexcept {
    return number != other.number ? number > other.number : text < other.text;
  }
};

template <class T>
class page_of {
public:
  /// `after`: where the page before ended; null: from the begin.
  page_of(std::size_t size, const sort_key* after) : size_(size) {
    if (after) after_ = *after, has_after_ = true;
  }

  /// Whether `offer` would keep it, for those who make the value only then; else `pass` counts it.
  [[nodiscard]] bool wants(const sort_key& key) const noexcept {
    if (has_after_ && !after_.before(key)) return false;
    return rows_.size() < size_ || key.before(rows_.back().first);
  }
  void pass(const sort_key& key) noexcept {
    ++seen_;
    more_ = more_ || !has_after_ || after_.before(key);
  }

  /// Keeps it if it belongs to the page. What has the same key is kept once.
  void offer(sort_key key, T value) {
    if (!wants(key)) {
      pass(key);
      return;
    }
    ++seen_;
    auto behind = [](const auto& row, const sort_key& k) { return row.first.before(k); };
    auto at = std::lower_bound(rows_.begin(), rows_.end(), key, behind);
    if (at != rows_.end() && !key.before(at->first)) {
      --seen_;
      return;
    }
    rows_.insert(at, {std::move(key), std::move(value)});
    if (rows_.size() > size_) {
      rows_.pop_back();
      more_ = true;
    }
  }

  [[nodiscard]] auto& rows() noexcept { return rows_; }             ///< in order
  [[nodiscard]] std::size_t seen() const noexcept { return seen_; } ///< offered, of whatever page
  [[nodiscard]] bool more() const noexcept { return more_; }

private:
  std::size_t size_, seen_ = 0;
  sort_key after_;
  bool has_after_ = false, more_ = false;
  std::vector<std::pair<sort_key, T>> rows_;
};

} // namespace plexus::admin
