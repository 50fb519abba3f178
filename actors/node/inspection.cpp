// Of node::parts: what inspection sees of the node, and what it can tell it.

#include "actors/node/parts.hpp"
#include "actors/runtime/log.hpp"
#include "plexus_version.hpp"
#include "transport/admin/page_handler.hpp"

#include <caf/send.hpp>

namespace plexus::node {

std::string node::parts::rest(bool on) {
  if (successor->under_way()) return "the node is being replaced: its successor is being started";
  if (on) {
    if (now != phase::serving) return now == phase::drained ? "" : "the node is stopping";
    now = phase::drained;
    limit.leaving = limit.closed = true;
    runtime::log::warn("node", "drained: no new clients, until it is undone", {{"clients", limit.clients.load()}});
    actors->drain([] {});
    send_away(settings.get()->node.drain_timeout * 8 / 10, false);
    return {};
  }
  if (now != phase::drained) return now == phase::serving ? "" : "the node is stopping";
  now = phase::serving;
  limit.leaving = limit.closed = false;
  actors->stay();
  runtime::log::warn("node", "takes clients again", {{"clients", limit.clients.load()}});
  loops.on_each(
      [this](runtime::loop& l) {
        for (auto& client : transports[l.index()]->clients()) caf::anon_send(client, connection::stay{});
      },
      {});
  return {};
}

namespace {

template <class Parts>
class seen_node final : public admin::host {
public:
  explicit seen_node(Parts& of) : of_(of) {}

  std::shared_ptr<const config::settings> settings() const override { return of_.settings.get(); }
  std::shared_ptr<const connection::token_verifier> verifier() const override { return of_.settings.verifier(); }

  condition now() const override {
    condition out;
    switch (of_.now.load()) {
    case Parts::phase::serving:
      out.state = "serving";
      break;
    case Parts::phase::drained:
      out.state = "drained";
      break;
    default:
      out.state = "stopping";
    }
    out.clients = of_.limit.clients;
    out.max_clients = of_.limit.max;
    out.uptime =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - of_.started);
    if (of_.redis) {
      out.lease = of_.redis->lease_time();
      out.lease_age = of_.redis->lease_age();
    }
    for (auto& o : of_.obstacles()) out.obstacles.push_back(o.part + ": " + o.message);
    return out;
  }

  std::vector<runtime::metrics::sample> samples() const override { return of_.samples(); }

  void servers(std::function<void(std::vector<server>)> done) override {
    if (!of_.redis) return done({});
    constexpr std::chrono::milliseconds patience{1000};
    of_.redis->look(patience, [done = std::move(done)](auto got) {
      std::vector<server> out;
      for (auto& s : got)
        out.push_back({std::move(s.address), s.partitions, s.ready, std::move(s.message), s.lease_age, s.inbox,
                       s.pending, std::move(s.memory), std::move(s.commands)});
      done(std::move(out));
    });
  }

  void drain(bool on, std::function<void(std::string)> done) override {
    on_first([this, on] { return of_.rest(on); }, std::move(done));
  }

  void reload(std::function<void(reloaded)> done) override {
    on_first(
        [this]() -> reloaded {
          auto how = of_.read_again();
          if (auto* why = std::get_if<std::string>(&how)) return {std::move(*why), {}, {}};
          auto& plan = std::get<config::reload_plan>(how);
          return {{}, std::move(plan.applied), std::move(plan.restart)};
        },
        std::move(done));
  }

private:
  /// Works on loop 0 and answers on the calling one.
  template <class Work, class Done>
  void on_first(Work work, Done done) {
    auto& back = *runtime::loop::current();
    of_.loops.at(0).post(
        [work, &back, done = std::move(done)] { back.post([what = work(), done] { done(what); }); });
  }

  Parts& of_;
};

/// Inspection's questions travel as those of everyone else do.
class all_nodes final : public admin::peers {
public:
  explicit all_nodes(cluster::cluster& nodes) : nodes_(nodes) {}

  void ask(std::string node, std::string body, std::chrono::milliseconds timeout, done then) override {
    auto tell = [then = std::move(then)](cluster::answers got) {
      answers out;
      for (auto& r : got.from) out.from.push_back({std::move(r.node), std::move(r.body)});
      out.silent = std::move(got.silent);
      out.unsure = got.unsure || got.busy;
      out.unknown = got.unknown;
      then(std::move(out));
    };
    if (node.empty())
      nodes_.ask_all(subject, std::move(body), timeout, std::move(tell));
    else
      nodes_.ask(std::move(node), subject, std::move(body), timeout, std::move(tell));
  }

  static constexpr auto subject = "admin";

private:
  cluster::cluster& nodes_;
};

} // namespace

void node::parts::add_inspection() {
  using where = transport::site::port;
  std::vector<transport::loop_transport*> all;
  for (auto& t : transports) all.push_back(t.get());
  looked_at = std::make_unique<seen_node<parts>>(*this);
  admin_peers = std::make_unique<all_nodes>(nodes);
  inspection = std::make_shared<admin::service>(admin::environment{loops, channels, clients, *plane, std::move(all),
                                                                   *looked_at, nodes.uid(), name, PLEXUS_VERSION,
                                                                   actors.get()},
                                                admin_peers.get());
  nodes.serve(all_nodes::subject, [this](std::string_view body, cluster::cluster::respond respond) {
    inspection->serve(body, std::move(respond));
  });
  site.add_socket("/admin/websocket", where::internal_first, inspection);
  site.add("/admin/", where::internal_first,
           std::make_shared<transport::admin_page_handler>([this] { return settings.get(); }));
}

} // namespace plexus::node
