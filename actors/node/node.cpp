#include "actors/node/node.hpp"

#include "actors/node/parts.hpp"
#include "actors/runtime/log.hpp"
#include "plexus_version.hpp"

#include <boost/asio/io_context.hpp>

#include <csignal>

namespace plexus::node {

node::node(const config::settings& settings, const inherited_sockets& given) :
    parts_(std::make_unique<parts>(settings, given)) {}

node::~node() {
  // The loops have stopped: their actors belong to this thread now. They are ended while everything they refer to
  // is still there.
  auto& p = *parts_;
  for (unsigned i = 0; i < p.loops.size(); ++i) {
    p.transports[i]->shut();
    auto& table = p.channels.table(p.loops.at(i));
    std::vector<caf::actor> channels;
    for (auto& [name, entry] : table.all()) channels.push_back(entry.actor);
    for (auto& c : channels) caf::anon_send_exit(c, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(p.transport_actors[i], caf::exit_reason::user_shutdown);
  }
  constexpr int turns_to_quiet = 8; // messages between loops included
  for (int turn = 0; turn < turns_to_quiet; ++turn)
    for (unsigned i = 0; i < p.loops.size(); ++i) p.loops.at(i).turn(false);
}

std::uint16_t node::port() const {
  return parts_->public_port->port();
}
std::uint16_t node::internal_port() const {
  return parts_->internal_port ? parts_->internal_port->port() : 0;
}
std::size_t node::max_clients() const {
  return parts_->limit.max;
}
unsigned node::loops() const {
  return parts_->loops.size();
}
const std::string& node::name() const {
  return parts_->name;
}

void node::run(const std::function<void()>& ready, reader reload, const command& again) {
  auto& p = *parts_;
  std::signal(SIGPIPE, SIG_IGN);
  p.reload = std::move(reload);
  p.signals = std::make_unique<boost::asio::signal_set>(p.loops.at(0).context(), SIGTERM, SIGINT, SIGHUP);
  p.signals->add(SIGUSR2);
  p.successor = std::make_unique<upgrade>(p.loops.at(0).context(), again.program, again.words);
  p.give_advice();
  p.loops.at(0).post([&p, ready] {
    p.wait_for_signal();
    p.pulse();
    p.start_backplane([&p, ready] {
      p.public_port->start();
      if (p.internal_port) p.internal_port->start();
      ready();
      p.look_for_namesakes();
    });
  });
  p.loops.start();
  p.loops.join();
  if (p.failure) std::rethrow_exception(p.failure);
  runtime::log::info("node", "stopped", {{"name", p.name}});
}

} // namespace plexus::node
