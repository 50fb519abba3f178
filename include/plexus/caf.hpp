#pragma once
// For those who want the whole of CAF beside their channel actor: link CAF 0.17.6, the version the node is built with, and
// spawn actors that run on the same loop. Nothing else in Plexus' headers needs CAF.
//
//   class room : public plexus::channel_actor {
//     void on_call(plexus::call& c) override {
//       if (auto* loop = plexus::caf_loop(here())) {
//         caf::actor_config config{loop};
//         helper_ = loop->system().spawn_class<my_helper, caf::no_spawn_options>(config);
//       }
//     }
//   };
//
// What such an actor does is its own: it isn't part of the all-or-nothing of a handler, isn't kept, and is gone with the
// object. It must end itself when the channel actor's object is destroyed (send it an exit message from the destructor).

#include <plexus/channel_actor.hpp>

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/execution_unit.hpp>

namespace plexus {

/// The loop that the channel actor lives on; null in the test kit.
inline caf::execution_unit* caf_loop(const detail::actor_context& of) {
  return static_cast<caf::execution_unit*>(of.native_loop());
}

} // namespace plexus
