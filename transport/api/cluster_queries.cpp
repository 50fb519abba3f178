#include "transport/api/cluster_queries.hpp"

#include "actors/channel/channel_actor.hpp"
#include "actors/connection/token.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace plexus::transport::api {

using std::chrono::steady_clock;

namespace {

/// Calls `work(name, subscribers)` for each channel of the loop that somebody is subscribed to.
template <class Work>
void each_channel(const channel::channel_table& table, Work work) {
  for (const auto& [name, entry] : table.all()) {
    const auto* state = entry.object == nullptr ? nullptr : entry.object->state();
    if (state != nullptr && state->subscribers() > 0) work(name, state->subscribers());
  }
}

/// What one loop knows for `info`.
struct loop_share {
  std::uint64_t clients = 0;
  std::uint64_t channels = 0;
  std::uint64_t subscriptions = 0;
  /// Hashes: a user's clients may be on several loops, and the names of a million users are not worth a copy here.
  std::vector<std::size_t> users;
};

/// Names have no line breaks (`check_channel`). One in several nodes' lists is the sum.
protocol::channels_result join_lists(const std::vector<cluster::reply>& from) {
  protocol::channels_result all;
  std::unordered_map<std::string_view, std::size_t> places; // into the lists
  for (const auto& each : from) {
    std::string_view left = each.body;
    while (!left.empty()) {
      const auto line = left.substr(0, left.find('\n'));
      left.remove_prefix(std::min(left.size(), line.size() + 1));
      std::uint64_t subscribers = 0;
      const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), subscribers);
      if (failed != std::errc{} || end == line.data() + line.size()) continue;
      const std::string_view name{end + 1, static_cast<std::size_t>(line.data() + line.size() - end - 1)};
      const auto [place, is_new] = places.try_emplace(name, all.channels.size());
      if (is_new)
        all.channels.emplace_back(name, subscribers);
      else
        all.channels[place->second].second += subscribers;
    }
  }
  return all;
}

} // namespace

cluster_queries::cluster_queries(runtime::runtime& loops, channel::channel_router& channels,
                                 connection::directory& clients, cluster::cluster& nodes, node_identity node) :
    loops_(loops),
    channels_(channels),
    clients_(clients),
    nodes_(nodes),
    node_(std::move(node)),
    started_(steady_clock::now()) {
  nodes_.serve("api.channels", [this](std::string_view pattern, cluster::cluster::respond say) {
    list_channels(std::string(pattern), std::move(say));
  });
  nodes_.serve("api.info", [this](std::string_view, cluster::cluster::respond say) { describe(std::move(say)); });
}

void cluster_queries::run(const caller&, protocol::channels_request what, pending_ptr to) {
  ask_every_node(
      nodes_, "api.channels", std::move(what.pattern),
      [](const std::vector<cluster::reply>& from) { return join_lists(from); }, std::move(to));
}

void cluster_queries::run(const caller&, protocol::info_request, pending_ptr to) {
  const auto make = [](const std::vector<cluster::reply>& from) {
    protocol::info_result all;
    for (const auto& each : from)
      if (auto node = protocol::decode_node_info(each.body)) all.nodes.push_back(*std::move(node));
    std::sort(all.nodes.begin(), all.nodes.end(),
              [](const auto& a, const auto& b) { return std::tie(a.name, a.uid) < std::tie(b.name, b.uid); });
    return all;
  };
  ask_every_node(nodes_, "api.info", {}, make, std::move(to));
}

// Each loop fills a share of its own; `on_each` hands all of them over to the last step.

void cluster_queries::list_channels(std::string pattern, said then) {
  auto shares = std::make_shared<std::vector<std::string>>(loops_.size());
  auto work = [this, shares, pattern = std::move(pattern)](runtime::loop& on) {
    auto& share = (*shares)[on.index()];
    each_channel(channels_.table(on), [&](const std::string& name, std::uint64_t subscribers) {
      if (!pattern.empty() && !connection::glob_match(pattern, name)) return;
      share += std::to_string(subscribers);
      share.append(1, ' ').append(name).append(1, '\n');
    });
  };
  loops_.on_each(std::move(work), [shares, then = std::move(then)] {
    std::string all;
    for (const auto& share : *shares) all += share;
    then(std::move(all));
  });
}

void cluster_queries::describe(said then) {
  auto shares = std::make_shared<std::vector<loop_share>>(loops_.size());
  auto work = [this, shares](runtime::loop& on) {
    auto& share = (*shares)[on.index()];
    const auto& here = clients_.on(on);
    share.clients = here.clients();
    for (const auto user : here.users()) share.users.push_back(std::hash<std::string_view>{}(user));
    each_channel(channels_.table(on), [&](const std::string&, std::uint64_t subscribers) {
      ++share.channels;
      share.subscriptions += subscribers;
    });
  };
  loops_.on_each(std::move(work), [this, shares, then = std::move(then)] {
    protocol::node_info node;
    node.uid = node_.uid;
    node.name = node_.name;
    node.version = node_.version;
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - started_).count();
    node.uptime = static_cast<std::uint64_t>(up);
    std::unordered_set<std::size_t> users;
    for (const auto& share : *shares) {
      node.clients += share.clients;
      node.channels += share.channels;
      node.subscriptions += share.subscriptions;
      users.insert(share.users.begin(), share.users.end());
    }
    node.users = users.size();
    then(encode_node_info(node));
  });
}

} // namespace plexus::transport::api
