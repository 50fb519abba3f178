// Signals, and how a node ends: stopped, or replaced by its successor. All of it on loop 0.

#include "actors/node/parts.hpp"
#include "actors/runtime/log.hpp"

#include <boost/asio/io_context.hpp>

#include <unistd.h>

namespace plexus::node {

void node::parts::wait_for_signal() {
  signals->async_wait([this](const boost::system::error_code& failed, int which) {
    if (failed) return;
    on_signal(which);
    if (now != phase::ended) wait_for_signal();
  });
}

void node::parts::on_signal(int which) {
  if (which == SIGHUP) {
    read_again();
    return;
  }
  if (which == SIGUSR2) {
    start_successor();
    return;
  }
  if (successor->under_way()) {
    runtime::log::info("node", "told to stop: the successor that is being started is told too");
    successor->recall();
  }
  if (now == phase::serving || now == phase::drained)
    drain(false);
  else if (now == phase::draining)
    end();
  else
    stop();
}

std::variant<config::reload_plan, std::string> node::parts::read_again() {
  const std::string stays = "the configuration has faults; the one before stays";
  auto fresh = reload ? reload() : nullptr;
  if (!fresh) return stays + ", see the log";
  // The plugins are those of the start.
  if (const auto wrong = actor_fault(plugins, *fresh); !wrong.empty()) {
    runtime::log::error("node", stays, {{"fault", wrong}});
    return stays + ": " + wrong;
  }
  return apply(*fresh);
}

// In a container the first process is the container: when it ends, its successor ends too.
void node::parts::start_successor() {
  constexpr pid_t first_process = 1;
  if (now == phase::drained) {
    runtime::log::warn("node", "drained by an operator, and a successor would take clients: undo the drain first");
    return;
  }
  if (now != phase::serving) {
    runtime::log::warn("node", "the node is stopping: no successor is started");
    return;
  }
  if (successor->under_way()) {
    runtime::log::warn("node", "a successor is being started already");
    return;
  }
  if (::getpid() == first_process) {
    runtime::log::warn("node", "this is a container's first process: replace the container, not the program in it");
    return;
  }
  runtime::log::info("node", "starting the successor");
  auto heard = [this](pid_t who, const std::string& why) {
    // This node was told to stop meanwhile, and so was it: there is nobody to hand over to.
    if (successor->recalled()) return;
    if (who == 0) {
      runtime::log::error("node", "the successor doesn't serve; this node goes on", {{"why", why}});
      return;
    }
    notify_service_manager("MAINPID=" + std::to_string(who));
    runtime::log::info("node", "the successor serves", {{"pid", who}});
    public_port->stop();
    if (internal_port) internal_port->stop();
    if (now == phase::serving) drain(true);
  };
  successor->start(public_port->descriptor(), internal_port ? internal_port->descriptor() : -1, heard);
}

void node::parts::pulse() {
  if (now == phase::leaving) {
    runtime::log::warn("node", "the backplane did not answer the farewell; others will notice by the lease");
    return stop();
  }
  if (now == phase::draining) {
    if (drained()) return let_go();
    loops.at(0).arm(timer, loops.at(0).now() + std::chrono::milliseconds(20));
    if (loops.at(0).now() < next_tick) return;
  }
  next_tick = loops.at(0).now() + std::chrono::seconds(1);
  plane->tick();
  actors->tick();
  inspection->tick();
  // All loops have the same ones: without any, none is woken.
  if (transports[0]->environment().denied.size() > 0)
    loops.on_each([this](runtime::loop& l) { transports[l.index()]->environment().denied.expire(unix_time()); },
                  {});
  give_memory_back();
  if (now == phase::serving || now == phase::drained) loops.at(0).arm(timer, next_tick);
}

// Everyone is told to go, one after the other: they come again at once, and the other nodes want to live too.
// After a handover there are connections that this process has accepted and whose clients have said nothing yet:
// they are served, so that nobody is refused, and told to go at the end of the spread.
void node::parts::drain(bool handed_over) {
  now = phase::draining;
  limit.leaving = true;
  limit.closed = !handed_over;
  auto window = settings.get()->node.drain_timeout;
  // A manager that waits for less than the window, and what comes after it, would kill what it could have waited
  // for.
  if (!handed_over) {
    const auto longest = std::chrono::microseconds(window + after_window).count();
    notify_service_manager("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(longest));
  }
  runtime::log::info("node", "draining", {{"clients", limit.clients.load()}, {"drain_timeout_ms", window.count()}});
  drain_end = loops.at(0).now() + window;
  // First: their commands find them elsewhere while this node's clients are still here.
  actors->drain([] {});
  auto spread = window * 8 / 10;
  last_call = loops.at(0).now() + spread;
  send_away(spread, handed_over);
  loops.at(0).arm(timer, loops.at(0).now() + std::chrono::milliseconds(20));
}

void node::parts::send_away(std::chrono::milliseconds spread, bool welcome) {
  loops.on_each(
      [this, spread, welcome](runtime::loop& l) {
        auto here = transports[l.index()]->clients(); // those too that have not sent `connect` yet
        for (std::size_t i = 0; i < here.size(); ++i) {
          auto delay = spread.count() * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(here.size());
          caf::anon_send(here[i], connection::depart{static_cast<std::uint32_t>(delay), welcome});
        }
      },
      {});
}

bool node::parts::drained() {
  if (loops.at(0).now() >= drain_end) return true;
  if (!limit.closed && loops.at(0).now() >= last_call) {
    limit.closed = true;
    send_away({}, false);
  }
  if (limit.clients > 0) return false;
  std::size_t sockets = 0;
  for (auto& t : transports) sockets += t->sockets;
  return limit.closed || sockets == 0;
}

// Channel actors are given back, so that nobody has to wait for their leases.
void node::parts::let_go() {
  if (letting_go) return end();
  letting_go = true;
  drain_end = loops.at(0).now() + let_go_time;
  loops.at(0).arm(timer, drain_end);
  actors->let_go([this] { end(); });
}

void node::parts::end() {
  if (now >= phase::leaving) return;
  now = phase::leaving;
  public_port->stop();
  if (internal_port) internal_port->stop();
  if (!redis || failure || !plane->check().ready) return stop();
  loops.at(0).arm(timer, loops.at(0).now() + farewell_time);
  auto farewell = [this] { redis->farewell([this] { loops.at(0).post([this] { stop(); }); }); };
  loops.on_each([this](runtime::loop& l) { transports[l.index()]->shut(); },
                [this, farewell] { nodes.leave([this, farewell] { loops.at(loops.size() - 1).post(farewell); }); });
}

void node::parts::stop() {
  if (now == phase::ended) return;
  now = phase::ended;
  boost::system::error_code ignored;
  signals->cancel(ignored);
  timer.disarm();
  for (unsigned i = 0; i < loops.size(); ++i)
    loops.at(i).post([this, i] {
      transports[i]->shut();
      loops.at(i).stop();
    });
}

} // namespace plexus::node
