#pragma once
// The actor of one client: a shell around `client` that keeps its timer and tells it the time.

#include "actors/connection/client.hpp"
#include "actors/runtime/pinned_actor.hpp"

namespace plexus::connection {

/// Lives on its socket's loop, from the upgrade until the transport has lost the client. Its handlers are in
/// messages.hpp.
class connection_actor final : public runtime::pinned_actor {
public:
  connection_actor(caf::actor_config& config, runtime::loop& home, client_environment& env, session_id session,
                   const protocol::codec& codec);
  caf::behavior make_behavior() override;
  void on_exit() override;
  [[nodiscard]] const client& state() const noexcept { return client_; }
  [[nodiscard]] std::string label() const override { return client_.id(); }

private:
  struct alarm final : runtime::timer {
    explicit alarm(connection_actor& of) : owner(of) {}
    void expired() override;
    connection_actor& owner;
  };
  /// Arms the alarm for what is due next.
  void rearm();

  client_environment& env_;
  client client_;
  alarm alarm_;
  client::time_point armed_for_{};
};

} // namespace plexus::connection
