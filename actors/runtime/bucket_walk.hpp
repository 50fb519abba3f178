#pragma once
// The way through an unordered map, some buckets a step, between which the loop works: what changes meanwhile does
// no harm. Pure.

#include <cstddef>

namespace plexus::runtime {

class bucket_walk {
public:
  /// How much is looked at in a step, about.
  static constexpr std::size_t a_step = 64;

  /// True where everything stands somewhere else: at the first step, and after a rehash. The walk begins anew.
  template <class Map>
  bool begins(const Map& all) {
    if (all.bucket_count() == buckets_) return false;
    buckets_ = all.bucket_count();
    bucket_ = 0;
    return true;
  }
  /// `look(entry)` at each entry of a few buckets; what it returns is spent of the step beside. False: that was
  /// all.
  template <class Map, class Look>
  bool step(const Map& all, const Look& look) {
    spent_ = 0;
    for (; spent_ < a_step && bucket_ < buckets_; ++spent_, ++bucket_)
      for (auto i = all.begin(bucket_); i != all.end(bucket_); ++i) spent_ += 1 + look(*i);
    return bucket_ < buckets_;
  }
  /// What the last step has spent: buckets, entries, and what `look` returned.
  [[nodiscard]] std::size_t spent() const noexcept { return spent_; }

private:
  std::size_t bucket_ = 0, buckets_ = 0, spent_ = 0;
};

} // namespace plexus::runtime
