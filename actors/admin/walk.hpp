#pragma once
// Looking at everything on every loop without holding any of them up: each takes a slice of at most half a
// millisecond, flushes what there is to write, and goes on in its next turn.

#include "actors/admin/host.hpp"

#include <memory>
#include <vector>

namespace plexus::admin {

/// How many are looked at between two looks at the clock.
inline constexpr std::size_t walked_a_step = 64;

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
