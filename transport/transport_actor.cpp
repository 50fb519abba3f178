#include "transport/transport_actor.hpp"

#include "transport/loop_transport.hpp"

namespace plexus::transport {

transport_actor::transport_actor(caf::actor_config& config, runtime::loop& home, loop_transport& state) :
    runtime::pinned_actor(config, home, "transport"), state_(state) {}

caf::behavior transport_actor::make_behavior() {
  return {
      [this](const channel::fan_out& m) { state_.fan_out(m.what); },
      [this](const channel::deliver& m) {
        state_.deliver(m.to, m.bytes);
        if (m.then) m.then();
      },
      [this](const channel::admit& m) {
        state_.admit(m.to, m.channel, m.kind, m.bytes);
        if (m.then) m.then();
      },
      [this](const channel::dissolve& m) { state_.dissolve(*m.channel); },
  };
}

} // namespace plexus::transport
