#include "transport/transport_actor.hpp"

#include "transport/loop_transport.hpp"

namespace plexus::transport {

transport_actor::transport_actor(caf::actor_config& config, runtime::loop& home, loop_transport& state) :
    runtime::pinned_actor(config, home, "transport"), state_(state) {}

// Without this actor nothing would be delivered on its loop any more. So it goes on, and what it owns is closed:
// who of the loop's clients has missed something isn't known, so all of them come again and recover.
template <class Work>
void transport_actor::guarded(Work&& work) {
  try {
    work();
  } catch (...) {
    note_failure(std::current_exception(), "an actor failed: the clients of its loop were closed");
    state_.shut();
  }
}

caf::behavior transport_actor::make_behavior() {
  return {
      [this](const channel::fan_out& m) { guarded([&] { state_.fan_out(m.what); }); },
      [this](channel::deliver& m) {
        guarded([&] {
          state_.deliver(m.to, m.bytes, std::move(m.owed));
          if (m.then) m.then();
        });
      },
      [this](channel::admit& m) {
        guarded([&] {
          state_.admit(m.to, m.channel, m.kind, m.bytes, std::move(m.owed));
          if (m.then) m.then();
        });
      },
      [this](const channel::dissolve& m) { guarded([&] { state_.dissolve(*m.channel); }); },
  };
}

} // namespace plexus::transport
