#pragma once
// Looking at everything on every loop without holding any of them up: each takes a slice of at most half a
// millisecond, flushes what there is to write, and goes on in its next turn.

#include "actors/admin/host.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace plexus::admin {

/// How many are looked at between two looks at the clock.
inline constexpr std::size_t walked_a_step = 64;

/// The way through an unordered map, some buckets a step: what changes between two steps does no harm.
class bucket_walk {
public:
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
    for (std::size_t spent = 0; spent < walked_a_step && bucket_ < buckets_; ++spent, ++bucket_)
      for (auto i = all.begin(bucket_); i != all.end(bucket_); ++i) spent += look(*i);
    return bucket_ < buckets_;
  }

private:
  std::size_t bucket_ = 0, buckets_ = 0;
};

/// What is done on one loop; made anywhere, used on its loop, read again once the walk is over.
class walker {
public:
  virtual ~walker() = default;
  /// Looks at a few (some dozens); false: that was all.
  virtual bool step() = 0;
};

/// One walker for each loop, in the order of the loops. `done` is called on the calling loop when all are through.
void walk(const environment& env, std::vector<std::shared_ptr<walker>> walkers, runtime::task done);

/// Counts down on any thread; the last one has `done` called on the loop that it was made on.
class gathering {
public:
  gathering(runtime::runtime& loops, std::size_t count, runtime::task done);
  void one_is_done();

private:
  runtime::loop& home_;
  std::atomic<std::size_t> left_;
  runtime::task done_;
};

} // namespace plexus::admin
