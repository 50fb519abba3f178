#pragma once
// The actor that channels send to: one a loop, a shell around `loop_transport`.

#include "actors/channel/delivery.hpp"
#include "actors/runtime/pinned_actor.hpp"

namespace plexus::transport {

class loop_transport;

/// Handlers: the messages of actors/channel/delivery.hpp.
class transport_actor final : public runtime::pinned_actor {
public:
  transport_actor(caf::actor_config& config, runtime::loop& home, loop_transport& state);
  caf::behavior make_behavior() override;

private:
  template <class Work>
  void guarded(Work&& work);
  loop_transport& state_;
};

} // namespace plexus::transport
