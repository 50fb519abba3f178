#pragma once
// Looking at everything on every loop without holding any of them up: each takes a slice of about half a
// millisecond and of a bounded number of entries, flushes what there is to write, and goes on in its next turn.

#include "actors/admin/host.hpp"
#include "actors/runtime/bucket_walk.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace plexus::admin {

using runtime::bucket_walk;

/// How many are looked at between two looks at the clock, about.
inline constexpr std::size_t walked_a_step = bucket_walk::a_step;
/// How many rows are made between two looks at the clock: each takes as long as some dozens that are passed.
inline constexpr std::size_t shown_a_step = 4;
/// What a slice looks at at most, however little the clock moves; the step in which it gets there is finished.
inline constexpr std::size_t walked_a_slice = 2048;
/// How long a slice may take; its last step takes a little more, and a millisecond is the promise. Where turns are
/// long, since there is much to do, it is a twentieth of the time since the last slice, up to the longer one: else
/// a loop that is behind would answer when nobody waits any more.
inline constexpr std::chrono::microseconds usual_slice{400}, longest_slice{750};

/// What is done on one loop; made anywhere, used on its loop, read again once the walk is over.
class walker {
public:
  virtual ~walker() = default;
  /// Looks at about `walked_a_step`, or shows `shown_a_step`; false: that was all.
  virtual bool step() = 0;
  /// How much the last step has looked at; a bound of its own says how much that can be.
  [[nodiscard]] virtual std::size_t spent() const noexcept { return 1; }
};

using walk_clock = std::chrono::steady_clock;

struct slice_end {
  bool more = false;      ///< the walk isn't over
  std::size_t looked = 0; ///< at so many
};
/// Steps until there is no more, `allowed` is over by the clock `now`, or `walked_a_slice` were looked at.
slice_end take_slice(walker& who, walk_clock::duration allowed, const std::function<walk_clock::time_point()>& now);
/// How long a slice may take when the one before was so long ago.
walk_clock::duration slice_after(walk_clock::duration pause) noexcept;

/// Of all walks of this process; any thread.
struct walk_record {
  std::atomic<std::size_t> slices{0}, looked{0}, most_looked{0}; ///< the last: by one slice
};
walk_record& walked() noexcept;

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
