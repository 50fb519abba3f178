#include "actors/admin/walk.hpp"

namespace plexus::admin {

namespace {

constexpr std::chrono::microseconds slice{400}; // a step may take a little more; a millisecond is the promise

void go_on(transport::loop_transport& on, const std::shared_ptr<walker>& who,
           const std::shared_ptr<gathering>& all) {
  const auto end = std::chrono::steady_clock::now() + slice;
  while (who->step())
    if (std::chrono::steady_clock::now() >= end) {
      on.next_turn([&on, who, all] { go_on(on, who, all); });
      return;
    }
  all->one_is_done();
}

} // namespace

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
    env.loops.at(i).post([&on = *env.transports[i], who = std::move(walkers[i]), all] { go_on(on, who, all); });
}

} // namespace plexus::admin
