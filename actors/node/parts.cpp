#include "actors/node/parts.hpp"

#include "actors/runtime/heap.hpp"
#include "actors/runtime/log.hpp"
#include "actors/runtime/metrics.hpp"
#include "actors/runtime/process_samples.hpp"
#include "config/reload.hpp"
#include "plexus_version.hpp"
#include "transport/api/api_handler.hpp"
#include "transport/api/openapi.hpp"
#include "transport/demo/demo_handler.hpp"
#include "transport/operations/operations_handler.hpp"
#include "transport/stream/emulation_handler.hpp"
#include "transport/transport_actor.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <openssl/rand.h>

#include <unistd.h>

#include <array>

namespace plexus::node {

namespace {

std::string host_and_pid() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return std::string(host.data()) + "-" + std::to_string(::getpid());
}

std::string random_hex() {
  std::array<unsigned char, 16> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  std::string out;
  for (auto b : bytes) {
    out.push_back("0123456789abcdef"[b >> 4]);
    out.push_back("0123456789abcdef"[b & 15]);
  }
  return out;
}

/// A socket of the process before this one is good as long as the address is still the same.
int if_bound_to(int descriptor, const std::string& address, std::uint16_t port) {
  if (descriptor < 0) return descriptor;
  boost::system::error_code failed;
  auto wanted = boost::asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, failed);
  boost::asio::ip::tcp::endpoint here;
  socklen_t length = static_cast<socklen_t>(here.capacity());
  if (!failed && ::getsockname(descriptor, here.data(), &length) == 0 && here.address() == wanted &&
      (port == 0 || here.port() == port))
    return descriptor;
  ::close(descriptor);
  return -1;
}

inherited_sockets usable(inherited_sockets given, const config::settings& s) {
  if (!given.from_former_process()) return given;
  given.public_port = if_bound_to(given.public_port, s.listen.address, s.listen.port);
  given.internal_port = if_bound_to(given.internal_port, s.internal.address, s.internal.port);
  return given;
}

config::settings completed(config::settings s, const runtime::machine& on) {
  if (s.node.max_queue_memory == 0) s.node.max_queue_memory = runtime::default_queue_memory(on);
  return s;
}

} // namespace

void news::published(const std::string& channel, protocol::publication_ptr what) {
  if (auto* to = to_->here(channel)) to->published_elsewhere(what);
}
void news::presence_changed(const std::string& channel, const backplane::presence_change& change) {
  if (auto* to = to_->here(channel)) to->presence_changed_elsewhere(change);
}
void news::in_doubt(const std::string& channel) {
  if (auto* to = to_->here(channel)) to->in_doubt();
}
void news::presence_in_doubt(const std::string& channel) {
  if (auto* to = to_->here(channel)) to->presence_in_doubt();
}

void news::received(const std::string& from, std::string_view bytes) {
  nodes_->received(from, bytes);
}

void news::noticed(const backplane::notice& now) {
  on_each_([now](connection::client_environment& env) { env.denied.apply(now, env.clients.on(env.home)); });
}
void news::notices_are(const std::vector<backplane::notice>& all) {
  on_each_([all](connection::client_environment& env) { env.denied.replace(all, env.clients.on(env.home)); });
}

node::parts::parts(const config::settings& s, const inherited_sockets& given) :
    name(s.node.name.empty() ? host_and_pid() : s.node.name),
    uid(random_hex()),
    settings(completed(s, machine)),
    loops(s.node.loops > 0 ? s.node.loops : runtime::default_loops(machine)),
    plane(make_plane(s)),
    nodes(loops, *plane, name),
    channels(loops, *plane, settings.get()),
    clients(loops.size()),
    sessions(uid),
    sessions_anywhere(nodes, sessions) {
  load_plugins(s);
  listener.connect(channels, nodes);
  listener.connect_environments([this](const news::environment_work& work) {
    for (unsigned i = 0; i < loops.size(); ++i)
      loops.at(i).post([this, i, work] { work(transports[i]->environment()); });
  });
  limit.max = max_clients();
  site.set_internal(s.internal.on());
  add_routes();
  for (unsigned i = 0; i < loops.size(); ++i) {
    transports.push_back(std::make_unique<transport::loop_transport>(loops.at(i), site, limit));
    transport_actors.push_back(runtime::spawn_on<transport::transport_actor>(loops.at(i), *transports.back()));
  }
  channels.connect_transports(transport_actors);
  actors = std::make_unique<extension::host>(extension::host_setup{loops, *plane, plugins, around, settings.get(),
                                                                   nodes.uid(), redis ? &others : nullptr});
  nodes.serve(actor_network::subject, [this](std::string_view body, cluster::cluster::respond respond) {
    actors->asked(body, std::move(respond));
  });
  answer_namesakes();
  channels.connect_actors(*actors);
  auto front = make_front(s.listen);
  if (!s.listen.tls_certificate.empty() && !tls) throw std::runtime_error("TLS can't be set up, see the log");
  std::vector<transport::loop_transport*> all;
  for (unsigned i = 0; i < loops.size(); ++i) {
    all.push_back(transports[i].get());
    transports[i]->set_front(front);
    transports[i]->connect(std::make_unique<connection::client_environment>(
        connection::client_environment{loops.at(i),
                                       *transports[i],
                                       transport_actors[i],
                                       channels,
                                       clients,
                                       settings.get(),
                                       settings.verifier(),
                                       "Plexus " PLEXUS_VERSION,
                                       uid,
                                       {},
                                       actors.get(),
                                       plugins.all_hooks().empty() ? nullptr : &plugins.all_hooks()}));
  }
  sessions.connect(all);
  add_inspection();
  auto from = usable(given, s);
  auto sockets = machine.open_files - std::min<std::size_t>(machine.open_files / 4, 64);
  // Whoever holds connections on the public port doesn't shut the internal one, which says what is going on.
  public_sockets = s.internal.on() ? sockets - std::min<std::size_t>(sockets / 8, 32) : sockets;
  public_port = std::make_unique<transport::acceptor>(loops.at(0), all, s.listen.address, s.listen.port, false,
                                                      public_sockets, from.public_port);
  if (s.internal.on())
    internal_port = std::make_unique<transport::acceptor>(loops.at(0), all, s.internal.address, s.internal.port,
                                                          true, sockets, from.internal_port);
}

std::size_t node::parts::max_clients() const {
  auto configured = settings.get()->node.max_connections;
  return configured > 0 ? std::min(configured, runtime::clients_by_files(machine))
                        : runtime::default_max_clients(machine, !settings.get()->listen.tls_certificate.empty());
}

void node::parts::give_advice() {
  auto s = settings.get();
  runtime::plan what;
  what.max_clients = limit.max;
  what.configured_clients = s->node.max_connections;
  what.tls = !s->listen.tls_certificate.empty();
  what.backlog = transport::acceptor::backlog;
  for (auto& each : s->listen.trusted_proxies)
    what.proxy_beside = what.proxy_beside || each.starts_with("127.") || each == "::1";
  for (auto& each : runtime::advise(machine, what)) runtime::log::warn("node", each.what, {{"set", each.set}});
}

std::vector<transport::obstacle> node::parts::obstacles() const {
  std::vector<transport::obstacle> out;
  if (now == phase::drained)
    out.push_back({"node", "drained: an operator has told the node to take no clients"});
  else if (limit.leaving)
    out.push_back({"node", "draining: the node was told to stop"});
  std::size_t sockets = 0;
  for (auto& t : transports) sockets += t->sockets;
  if (limit.clients >= limit.max)
    out.push_back({"connections", "as many clients as the node may have"});
  else if (sockets >= public_sockets)
    out.push_back({"connections", "as many connections as its open files allow"});
  if (auto health = plane->check(); !health.ready) out.push_back({"backplane", health.message});
  return out;
}

std::vector<transport::obstacle> node::parts::remarks() const {
  if (auto health = plane->check(); health.ready && !health.message.empty()) return {{"backplane", health.message}};
  return {};
}

std::vector<runtime::metrics::sample> node::parts::samples() const {
  auto uptime = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::vector<runtime::metrics::sample> out{
      {"plexus_uptime_seconds", "Since the start.", uptime, false},
      {"plexus_clients_max", "Clients that this node takes.", static_cast<double>(limit.max), false},
      {"plexus_clients_ratio", "Clients of those that this node takes, 0 to 1.",
       static_cast<double>(limit.clients) / static_cast<double>(std::max<std::size_t>(limit.max, 1)), false},
      {"plexus_ready", "1 while new clients are wanted, as /health/ready says.", obstacles().empty() ? 1.0 : 0.0,
       false}};
  for (auto& used : runtime::process_samples()) out.push_back(std::move(used));
  if (auto end = certificate_not_after.load())
    out.push_back({"plexus_tls_certificate_not_after_seconds", "When the certificate ends, in seconds since 1970.",
                   static_cast<double>(end), false});
  if (redis) {
    auto more = redis->samples();
    out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return out;
}

void node::parts::add_routes() {
  using where = transport::site::port;
  auto get = [this] { return settings.get(); };
  auto api = std::make_shared<transport::api::api_handler>(
      loops, channels, clients, *plane, nodes, get, transport::api::node_identity{uid, name, PLEXUS_VERSION});
  site.add("/api", where::internal_first, api);
  site.add("/api/openapi.json", where::internal_first, std::make_shared<transport::api::openapi_handler>());
  site.add("/api/", where::internal_first, api);
  site.add(
      "/health/", where::internal_first,
      std::make_shared<transport::health_handler>([this] { return obstacles(); }, [this] { return remarks(); }));
  site.add("/metrics", where::internal_first,
           std::make_shared<transport::metrics_handler>([this] { return samples(); }));
  site.add("/emulation", where::public_only,
           std::make_shared<transport::emulation_handler>(sessions_anywhere, get));
  auto demo = std::make_shared<transport::demo_handler>(get);
  site.add("/", where::public_only, demo);
  site.add("/demo/", where::public_only, demo);
}

// What a wave of clients leaves behind is scattered over pages that the allocator keeps; after many have gone it is
// told to return them. Rarely: it walks the whole heap.
void node::parts::give_memory_back() {
  auto clients_now = limit.clients.load();
  most_clients = std::max(most_clients, clients_now);
  if (most_clients < clients_now + trim_after) return;
  runtime::heap::give_back();
  most_clients = clients_now;
}

transport::front::rules_ptr node::parts::make_front(const config::listen_section& from) {
  if (from.tls_certificate.empty()) {
    tls = nullptr;
  } else if (auto loaded = transport::tls::load_context(from.tls_certificate, from.tls_key); !loaded.made) {
    runtime::log::error(
        "node", "the TLS certificate can't be used; what was before stays",
        {{"key", loaded.what.key}, {"found", loaded.what.found}, {"expected", loaded.what.expected}});
  } else if (!tls || tls->fingerprint() != loaded.made->fingerprint()) {
    tls = loaded.made;
    auto seconds = tls->not_after() - unix_time().count() / 1000;
    auto write = seconds < 0 ? runtime::log::warn : runtime::log::info;
    write("node", seconds < 0 ? "the TLS certificate has expired" : "TLS certificate read",
          {{"days_left", seconds / 86'400}});
  }
  certificate_not_after = tls ? tls->not_after() : 0;
  return transport::front::make_rules(from, tls);
}

config::reload_plan node::parts::apply(const config::settings& fresh) {
  auto plan = config::plan_reload(*settings.get(), completed(fresh, machine));
  settings.replace(plan.merged);
  auto current = settings.get();
  runtime::log::configure(current->log);
  channels.apply(current);
  actors->apply(current);
  auto front = make_front(current->listen);
  for (unsigned i = 0; i < loops.size(); ++i)
    loops.at(i).post([this, i, current, front, verifier = settings.verifier()] {
      transports[i]->set_front(front);
      transports[i]->environment().settings = current;
      transports[i]->environment().verifier = verifier;
    });
  auto join = [](const std::vector<std::string>& keys) {
    std::string out;
    for (auto& k : keys) out += (out.empty() ? "" : ", ") + k;
    return out;
  };
  runtime::log::info("node", "configuration read again",
                     {{"applied", join(plan.applied)}, {"needs_restart", join(plan.restart)}});
  return plan;
}

} // namespace plexus::node
