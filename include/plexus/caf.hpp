#pragma once
// For those who want the whole of CAF beside their channel actor: link CAF 0.17.6, the version the node is built
// with, and spawn actors that run on the same loop, so that they and the channel actor never run at the same time.
// Nothing else in Plexus' headers needs CAF.
//
//   class helper : public plexus::caf_actor {
//   public:
//     using caf_actor::caf_actor;
//     caf::behavior make_behavior() override { return {[](int i) { ... }}; }
//   };
//
//   class room : public plexus::channel_actor {
//     ~room() override { if (helper_) caf::anon_send_exit(helper_, caf::exit_reason::user_shutdown); }
//     void on_call(plexus::call& c) override {
//       if (!helper_) helper_ = plexus::spawn_beside<helper>(here());
//       if (helper_) caf::anon_send(helper_, 1);
//     }
//   };
//
// What such an actor does is its own: it isn't part of the all-or-nothing of a handler, isn't kept, and is gone
// with the object, whose destructor has to end it. It can't reach the channel actor by a message: share an object
// with it, which a timer looks at.

#include <plexus/channel_actor.hpp>

#include <caf/actor.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/execution_unit.hpp>
#include <caf/mailbox_element.hpp>

#include <utility>

namespace plexus {

/// The loop that the channel actor lives on; null in the test kit.
inline caf::execution_unit* caf_loop(const detail::actor_context& of) {
  return static_cast<caf::execution_unit*>(of.native_loop());
}

/// Base of an actor that only ever runs on the loop it was spawned on: CAF alone would take it to a thread of its
/// scheduler with the first message.
class caf_actor : public caf::event_based_actor {
public:
  explicit caf_actor(caf::actor_config& config) : caf::event_based_actor(config), home_(config.host) {}

  /// Any thread.
  void enqueue(caf::mailbox_element_ptr mail, caf::execution_unit*) override {
    caf::event_based_actor::enqueue(std::move(mail), home_);
  }
  using caf::event_based_actor::enqueue;

private:
  caf::execution_unit* home_;
};

/// Spawns `T(config, args...)`, a `caf_actor`, on the channel actor's loop, in a handler. Null in the test kit.
template <class T, class... Args>
caf::actor spawn_beside(const detail::actor_context& of, Args&&... args) {
  auto* loop = caf_loop(of);
  if (loop == nullptr) return {};
  caf::actor_config config{loop};
  return loop->system().template spawn_class<T, caf::hidden>(config, std::forward<Args>(args)...);
}

} // namespace plexus
