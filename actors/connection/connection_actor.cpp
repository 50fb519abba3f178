#include "actors/connection/connection_actor.hpp"

#include <caf/send.hpp>

#include <random>

namespace plexus::connection {

connection_actor::connection_actor(caf::actor_config& config, runtime::loop& home, client_environment& env,
                                   session_id session, const protocol::codec& codec) :
    runtime::pinned_actor(config, home, "connection"),
    env_(env),
    client_(env, session, codec, caf::actor_cast<caf::actor_addr>(ctrl()), moment::now()),
    alarm_(*this) {
  rearm();
}

caf::behavior connection_actor::make_behavior() {
  return {
      [this](const inbound& m) {
        client_.on_message(m.text, moment::now());
        env_.port.handled(client_.session());
        rearm();
      },
      [this](sub_result& m) {
        client_.on_sub_result(m, moment::now());
        rearm();
      },
      [this](const due&) {
        armed_for_ = {};
        client_.on_due(moment::now());
        rearm();
      },
      [this](const lost& m) {
        client_.on_lost(m.clean);
        quit();
      },
      [this](const dissolved& m) { client_.on_dissolved(m.channel); },
      [this](const kick& m) { client_.on_kick(m.code, m.reason); },
      [this](const recheck& m) { client_.on_recheck(m.all_older, moment::now()); },
      [this](const server_subscribe& m) {
        client_.on_server_subscribe(m, moment::now());
        rearm();
      },
      [this](const server_unsubscribe& m) { client_.on_server_unsubscribe(m); },
      [this](const server_refresh& m) {
        client_.on_server_refresh(m, moment::now());
        rearm();
      },
      [this](const depart& m) {
        client_.on_depart(home().now() + std::chrono::milliseconds(m.delay_ms), m.welcome);
        rearm();
      },
      [this](const stay&) { client_.on_stay(); },
  };
}

void connection_actor::on_exit() {
  alarm_.disarm();
  // After a failure the client is still there: it is told, and counted, as by any other close.
  if (failed())
    client_.on_failure();
  else
    client_.on_lost(true);
}

void connection_actor::alarm::expired() {
  caf::anon_send(caf::actor_cast<caf::actor>(owner.ctrl()), due{});
}

// A later due time leaves the alarm as it is: it goes off, finds nothing due and is set anew. That way the usual
// pong costs no re-arming.
void connection_actor::rearm() {
  auto next = client_.next_due();
  if (next == client::time_point::max()) return;
  if (alarm_.armed() && armed_for_ <= next) return;
  armed_for_ = next;
  home().arm(alarm_, next);
}

} // namespace plexus::connection
