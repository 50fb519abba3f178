#include "actors/node/parts.hpp"

#include "actors/runtime/log.hpp"
#include "actors/runtime/metrics.hpp"
#include "config/reload.hpp"
#include "plexus_version.hpp"
#include "transport/api/api_handler.hpp"
#include "transport/api/openapi.hpp"
#include "transport/demo/demo_handler.hpp"
#include "transport/operations/operations_handler.hpp"
#include "transport/stream/emulation_handler.hpp"
#include "transport/transport_actor.hpp"

#include <openssl/rand.h>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace plexus::node {

namespace {

// Files that aren't clients: listening sockets, epoll, the log, HTTP requests under way.
constexpr std::size_t reserved_descriptors = 200;

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

std::size_t descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? 1'000'000 : static_cast<std::size_t>(limit.rlim_cur);
}

unsigned loop_count(unsigned wanted) {
  if (wanted > 0) return wanted;
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (::sched_getaffinity(0, sizeof mine, &mine) == 0) return std::max(1, CPU_COUNT(&mine));
  return std::max(1u, std::thread::hardware_concurrency());
}

} // namespace

std::size_t node::parts::clients_that_fit() {
  auto all = descriptor_limit();
  return all > 2 * reserved_descriptors ? all - reserved_descriptors : all / 2;
}

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

node::parts::parts(const config::settings& s) :
    name(s.node.name.empty() ? host_and_pid() : s.node.name),
    uid(random_hex()),
    settings(s),
    loops(loop_count(s.node.loops)),
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
  actors = std::make_unique<extension::host>(
      extension::host_setup{loops, *plane, plugins, around, settings.get(), nodes.uid(), redis ? &others : nullptr});
  nodes.serve(actor_network::subject, [this](std::string_view body, cluster::cluster::respond respond) {
    actors->asked(body, std::move(respond));
  });
  channels.connect_actors(*actors);
  auto front = make_front(s.listen);
  if (!s.listen.tls_certificate.empty() && !tls) throw std::runtime_error("TLS can't be set up, see the log");
  std::vector<transport::loop_transport*> all;
  for (unsigned i = 0; i < loops.size(); ++i) {
    all.push_back(transports[i].get());
    transports[i]->set_front(front);
    transports[i]->connect(std::make_unique<connection::client_environment>(
        connection::client_environment{loops.at(i), *transports[i], transport_actors[i], channels, clients,
                                       settings.get(), settings.verifier(), "Plexus " PLEXUS_VERSION, uid,
                                       {}, actors.get(), plugins.all_hooks().empty() ? nullptr : &plugins.all_hooks()}));
  }
  sessions.connect(all);
  auto sockets = descriptor_limit() - std::min<std::size_t>(descriptor_limit() / 4, 64);
  public_port =
      std::make_unique<transport::acceptor>(loops.at(0), all, s.listen.address, s.listen.port, false, sockets);
  if (s.internal.on())
    internal_port =
        std::make_unique<transport::acceptor>(loops.at(0), all, s.internal.address, s.internal.port, true, sockets);
}

std::size_t node::parts::max_clients() const {
  auto configured = settings.get()->node.max_connections;
  return configured > 0 ? std::min(configured, clients_that_fit()) : clients_that_fit();
}

void node::parts::add_routes() {
  using where = transport::site::port;
  auto get = [this] { return settings.get(); };
  auto api = std::make_shared<transport::api::api_handler>(
      loops, channels, clients, *plane, nodes, get, transport::api::node_identity{uid, name, PLEXUS_VERSION});
  site.add("/api", where::internal_first, api);
  site.add("/api/openapi.json", where::internal_first, std::make_shared<transport::api::openapi_handler>());
  site.add("/api/", where::internal_first, api);
  site.add("/health/", where::internal_first, std::make_shared<transport::health_handler>([this] {
             std::vector<transport::obstacle> out;
             if (limit.closed) out.push_back({"node", "draining: the node was told to stop"});
             if (limit.clients >= limit.max) out.push_back({"connections", "as many clients as the node may have"});
             if (auto health = plane->check(); !health.ready) out.push_back({"backplane", health.message});
             return out;
           }));
  site.add("/metrics", where::internal_first, std::make_shared<transport::metrics_handler>([this] {
             auto uptime = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
             std::vector<runtime::metrics::sample> out{
                 {"plexus_uptime_seconds", "Since the start.", uptime, false},
                 {"plexus_clients_max", "Clients that this node takes.", static_cast<double>(limit.max), false}};
             if (auto end = certificate_not_after.load())
               out.push_back({"plexus_tls_certificate_not_after_seconds",
                              "When the certificate ends, in seconds since 1970.", static_cast<double>(end),
                              false});
             if (redis) {
               auto more = redis->samples();
               out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
             }
             return out;
           }));
  site.add("/emulation", where::public_only,
           std::make_shared<transport::emulation_handler>(sessions_anywhere, get));
  auto demo = std::make_shared<transport::demo_handler>(get);
  site.add("/", where::public_only, demo);
  site.add("/demo/", where::public_only, demo);
}

void node::parts::wait_for_signal() {
  signals->async_wait([this](const boost::system::error_code& failed, int which) {
    if (failed) return;
    on_signal(which);
    if (now != phase::ended) wait_for_signal();
  });
}

void node::parts::on_signal(int which) {
  if (which == SIGHUP) {
    auto fresh = reload ? reload() : nullptr;
    if (!fresh) return;
    // The plugins are those of the start.
    if (const auto wrong = actor_fault(plugins, *fresh); wrong.empty())
      apply(*fresh);
    else
      runtime::log::error("node", "the configuration has faults; the one before stays", {{"fault", wrong}});
    return;
  }
  if (now == phase::serving)
    drain();
  else if (now == phase::draining)
    end();
  else
    stop();
}

void node::parts::pulse() {
  if (now == phase::leaving) {
    runtime::log::warn("node", "the backplane did not answer the farewell; others will notice by the lease");
    return stop();
  }
  if (now == phase::draining) {
    if (limit.clients == 0 || loops.at(0).now() >= drain_end) {
      if (letting_go) return end();
      // Channel actors are given back, so that nobody has to wait for their leases.
      letting_go = true;
      constexpr std::chrono::seconds longest{2};
      drain_end = loops.at(0).now() + longest;
      loops.at(0).arm(timer, drain_end);
      actors->let_go([this] { end(); });
      return;
    }
    loops.at(0).arm(timer, loops.at(0).now() + std::chrono::milliseconds(20));
    return;
  }
  plane->tick();
  actors->tick();
  // All loops have the same ones: without any, none is woken.
  if (transports[0]->environment().denied.size() > 0)
    loops.on_each([this](runtime::loop& l) { transports[l.index()]->environment().denied.expire(unix_time()); },
                  {});
  give_memory_back();
  loops.at(0).arm(timer, loops.at(0).now() + std::chrono::seconds(1));
}

// What a wave of clients leaves behind is scattered over pages that the allocator keeps; after many have gone it is
// told to return them. Rarely: it walks the whole heap.
void node::parts::give_memory_back() {
  auto clients_now = limit.clients.load();
  most_clients = std::max(most_clients, clients_now);
  if (most_clients < clients_now + trim_after) return;
  ::malloc_trim(0);
  most_clients = clients_now;
}

// Everyone is told to go, one after the other: they come again at once, and the other nodes want to live too.
void node::parts::drain() {
  now = phase::draining;
  limit.closed = true;
  auto window = settings.get()->node.drain_timeout;
  runtime::log::info("node", "draining", {{"clients", limit.clients.load()}, {"drain_timeout_ms", window.count()}});
  drain_end = loops.at(0).now() + window;
  // First: their commands find them elsewhere while this node's clients are still here.
  actors->drain([] {});
  auto spread = window * 8 / 10;
  loops.on_each(
      [this, spread](runtime::loop& l) {
        auto here = transports[l.index()]->clients(); // those too that have not sent `connect` yet
        for (std::size_t i = 0; i < here.size(); ++i) {
          auto delay = spread.count() * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(here.size());
          caf::anon_send(here[i], connection::depart{static_cast<std::uint32_t>(delay)});
        }
      },
      {});
  loops.at(0).arm(timer, loops.at(0).now() + std::chrono::milliseconds(20));
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
  if (from.proxy_protocol && from.trusted_proxies.empty())
    runtime::log::warn("node", "listen.proxy_protocol is on, but nobody is in listen.trusted_proxies");
  return transport::front::make_rules(from, tls);
}

void node::parts::apply(const config::settings& fresh) {
  auto plan = config::plan_reload(*settings.get(), fresh);
  settings.replace(plan.merged);
  auto current = settings.get();
  runtime::log::configure(current->log.level, current->log.format);
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
}

} // namespace plexus::node
