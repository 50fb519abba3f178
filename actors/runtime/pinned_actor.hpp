#pragma once
// An actor that is born on a loop and only ever runs there. Pinning takes two things in CAF 0.17: the loop as host
// when it is spawned *and* an `enqueue` that never asks the scheduler; either alone lets `make_behavior` or the
// first message run elsewhere. `spawn_on` is the only place that spawns.

#include "actors/runtime/loop.hpp"

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace plexus::runtime {

/// Base of all actors here. A handler that throws ends the actor: `on_exit` gives back what it owns, a log line and
/// the counter `plexus_actor_failures_total` say so, and the node goes on.
class pinned_actor : public caf::event_based_actor {
public:
  pinned_actor(caf::actor_config& config, loop& home, std::string_view kind);

  /// From the home thread straight into the mailbox; from another through the loop's inbox, so that no foreign
  /// thread touches CAF's mailbox (which TSan can't see into) and many messages share one wake-up.
  void enqueue(caf::mailbox_element_ptr mail, caf::execution_unit* from) override;
  using caf::event_based_actor::enqueue;

  [[nodiscard]] loop& home() const noexcept { return home_; }
  [[nodiscard]] std::string_view kind() const noexcept { return kind_; }
  /// Which of its kind it is, for people; on its loop.
  [[nodiscard]] virtual std::string label() const { return {}; }

protected:
  /// Ends this actor as one whose handler threw: for when a part of it failed that it can't be without.
  void fail();
  /// Counts and logs an exception of a handler. `then`: what it leads to, for the log.
  void note_failure(const std::exception_ptr& thrown, std::string_view then) const;
  /// True in `on_exit` when a handler's exception ends the actor.
  [[nodiscard]] bool failed() const noexcept { return failed_; }

private:
  loop& home_;
  std::string_view kind_; ///< for the log; a literal
  bool failed_ = false;
};

/// Spawns `T(config, home, args...)` on `home`. On the loop's thread, or before the loop was started.
template <class T, class... Args>
caf::actor spawn_on(loop& home, Args&&... args) {
  caf::actor_config config{&home};
  return home.system().template spawn_class<T, caf::hidden>(config, home, std::forward<Args>(args)...);
}

} // namespace plexus::runtime
