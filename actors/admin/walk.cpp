#include "actors/admin/walk.hpp"

#include "actors/runtime/metrics.hpp"

#include <algorithm>

namespace plexus::admin {

namespace {

const runtime::metrics::histogram slice_seconds{"plexus_admin_slice_seconds",
                                                "How long a list request held a loop at a time.",
                                                {0.00025, 0.0005, 0.00075, 0.001, 0.002, 0.005, 0.01}};

struct way {
  transport::loop_transport& on;
  std::shared_ptr<walker> who;
  std::shared_ptr<gathering> all;
  walk_clock::time_point last; ///< the slice before
};

void go_on(way by) {
  const auto begun = walk_clock::now();
  const auto done = take_slice(*by.who, slice_after(begun - by.last), [] { return walk_clock::now(); });
  slice_seconds.observe(std::chrono::duration<double>(walk_clock::now() - begun).count());
  auto& record = walked();
  ++record.slices;
  record.looked += done.looked;
  for (auto most = record.most_looked.load(); most < done.looked;)
    if (record.most_looked.compare_exchange_weak(most, done.looked)) break;
  if (!done.more) return by.all->one_is_done();
  by.last = begun;
  auto& on = by.on;
  on.next_turn([by = std::move(by)]() mutable { go_on(std::move(by)); });
}

} // namespace

walk_record& walked() noexcept {
  static walk_record all;
  return all;
}

slice_end take_slice(walker& who, walk_clock::duration allowed,
                     const std::function<walk_clock::time_point()>& now) {
  const auto end = now() + allowed;
  slice_end out;
  do {
    out.more = who.step();
    out.looked += who.spent();
  } while (out.more && out.looked < walked_a_slice && now() < end);
  return out;
}

walk_clock::duration slice_after(walk_clock::duration pause) noexcept {
  return std::clamp<walk_clock::duration>(pause / 20, usual_slice, longest_slice);
}

gathering::gathering(runtime::runtime& loops, std::size_t count, runtime::task done) :
    home_(runtime::loop::current() ? *runtime::loop::current() : loops.at(0)),
    left_(count),
    done_(std::move(done)) {}

void gathering::one_is_done() {
  if (--left_ == 0) home_.post(std::move(done_));
}

void walk(const environment& env, std::vector<std::shared_ptr<walker>> walkers, runtime::task done) {
  auto all = std::make_shared<gathering>(env.loops, walkers.size(), std::move(done));
  for (unsigned i = 0; i < walkers.size(); ++i)
    env.loops.at(i).post([by = way{*env.transports[i], std::move(walkers[i]), all, {}}]() mutable {
      by.last = walk_clock::now();
      go_on(std::move(by));
    });
}

} // namespace plexus::admin
