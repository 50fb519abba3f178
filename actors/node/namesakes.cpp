// Two nodes with one `node.name`: nothing breaks, but who asks for the name means either. The one that comes second
// says so.

#include "actors/node/address_text.hpp"
#include "actors/node/parts.hpp"
#include "actors/runtime/log.hpp"
#include "actors/runtime/metrics.hpp"

#include <unistd.h>

#include <array>

namespace plexus::node {

namespace {

constexpr auto* subject = "namesake";
constexpr std::chrono::seconds patience{5};

const runtime::metrics::counter found{"plexus_cluster_namesakes_total",
                                      "Nodes that had this node's name when it started."};

std::string address_of(const config::listen_section& listen, std::uint16_t port) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return std::string(host.data()) + " " + before_port(listen.address) + ":" + std::to_string(port);
}

} // namespace

// One that ends says nothing: its successor may well have its name.
void node::parts::answer_namesakes() {
  nodes.serve(subject, [this](std::string_view, const cluster::cluster::respond& respond) {
    loops.at(0).post([this, respond] {
      const bool stays = (now == phase::serving || now == phase::drained) && !successor->under_way();
      respond(stays ? address_of(settings.get()->listen, public_port->port()) : std::string());
    });
  });
}

void node::parts::look_for_namesakes() {
  if (!redis) return;
  // The list has nodes that died within their lease; those don't answer.
  plane->peers([this](const backplane::outcome<std::vector<backplane::peer>>& got) {
    if (!got) return;
    for (const auto& each : *got) {
      if (each.name != name || each.uid == nodes.uid()) continue;
      nodes.ask(each.uid, subject, {}, patience, [this, other = each.uid](const cluster::answers& said) {
        if (said.from.empty() || said.from.front().body.empty()) return;
        found.add();
        runtime::log::warn("node", "another node has this one's name: who asks for it may mean either",
                           {{"name", name}, {"other_uid", other}, {"other_address", said.from.front().body}});
      });
    }
  });
}

} // namespace plexus::node
