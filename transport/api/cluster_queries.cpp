#include "transport/api/cluster_queries.hpp"

#include "actors/channel/channel_actor.hpp"
#include "actors/connection/token.hpp"

#include <iterator>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace plexus::transport::api {

using protocol::api_result;
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

} // namespace

cluster_queries::cluster_queries(runtime::runtime& loops, channel::channel_router& channels,
                                 connection::directory& clients, node_identity node) :
    loops_(loops), channels_(channels), clients_(clients), node_(std::move(node)), started_(steady_clock::now()) {}

// Each loop fills a share of its own; `on_each` hands all of them over to the last step.

void cluster_queries::run(const caller&, protocol::channels_request what, pending_ptr to) {
  using list = decltype(protocol::channels_result::channels);
  auto shares = std::make_shared<std::vector<list>>(loops_.size());
  auto work = [this, shares, pattern = std::move(what.pattern)](runtime::loop& on) {
    auto& share = (*shares)[on.index()];
    each_channel(channels_.table(on), [&](const std::string& name, std::uint64_t subscribers) {
      if (pattern.empty() || connection::glob_match(pattern, name)) share.emplace_back(name, subscribers);
    });
  };
  loops_.on_each(std::move(work), [shares, to = std::move(to)] {
    protocol::channels_result all;
    for (auto& share : *shares)
      all.channels.insert(all.channels.end(), std::move_iterator(share.begin()), std::move_iterator(share.end()));
    to->tell(api_result(std::move(all)));
  });
}

void cluster_queries::run(const caller&, protocol::info_request, pending_ptr to) {
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
  loops_.on_each(std::move(work), [this, shares, to = std::move(to)] {
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
    to->tell(api_result(protocol::info_result{{std::move(node)}}));
  });
}

} // namespace plexus::transport::api
