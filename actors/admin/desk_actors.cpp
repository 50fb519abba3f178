// Of desk: actors and what waits for them.

#include "actors/admin/desk.hpp"
#include "actors/admin/page_of.hpp"
#include "actors/admin/walk.hpp"
#include "actors/channel/channel_actor.hpp"
#include "actors/connection/connection_actor.hpp"
#include "transport/session.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace plexus::admin {

namespace {

constexpr std::size_t most_actors = 20, most_channel_actors = 200;
constexpr std::chrono::seconds watched_for{15};

double microseconds_of(std::chrono::nanoseconds t) {
  return static_cast<double>(t.count()) / 1000;
}

/// The longest mailboxes of one loop, and what its handlers took.
class actor_walker final : public walker {
public:
  actor_walker(const environment& env, runtime::loop& on) :
      mailboxes(most_actors, nullptr),
      on_(on),
      table_(env.channels.table(on)),
      clients_(env.clients.on(on)),
      transport_(*env.transports[on.index()]) {}

  bool step() override {
    if (!begun_) {
      begun_ = true;
      on_.watch_handlers(runtime::loop::clock::now() + watched_for);
      times = times_of();
      place_ = clients_.clients();
    }
    spent_ = 0;
    place_ = std::min(place_, clients_.clients());
    for (; spent_ < walked_a_step && place_ > 0; ++spent_) {
      auto& c = clients_.at(--place_);
      auto* s = transport_.find(c.session());
      if (s && s->in_mailbox() > 0) offer(mailboxes, "connection", c.id(), s->in_mailbox());
    }
    if (place_ > 0) return true;
    const auto& all = table_.all();
    if (way_.begins(all)) of_channels = page_of<json>(most_actors, nullptr);
    const bool more = way_.step(all, [&](const auto& each) {
      if (each.second.in_mailbox > 0) offer(of_channels, "channel", each.first, each.second.in_mailbox);
      return std::size_t{0};
    });
    spent_ += way_.spent();
    return more;
  }
  [[nodiscard]] std::size_t spent() const noexcept override { return spent_; }

  page_of<json> mailboxes; ///< of connections
  page_of<json> of_channels{most_actors, nullptr};
  json times;

private:
  void offer(page_of<json>& to, const char* kind, const std::string& name, std::uint32_t waiting) {
    sort_key key{static_cast<double>(waiting), name};
    if (to.wants(key))
      to.offer(std::move(key), {{"kind", kind}, {"name", name}, {"loop", on_.index()}, {"mailbox", waiting}});
  }

  json times_of() {
    const auto* t = on_.handlers();
    auto kinds = json::array();
    for (auto& [kind, s] : t->by_kind)
      kinds.push_back({{"kind", kind},
                       {"loop", on_.index()},
                       {"runs", s.runs},
                       {"total_us", microseconds_of(s.total)},
                       {"longest_us", microseconds_of(s.longest)}});
    auto slowest = json::array();
    for (auto& s : t->slowest)
      slowest.push_back(
          {{"kind", s.kind}, {"name", s.name}, {"loop", on_.index()}, {"took_us", microseconds_of(s.took)}});
    return {{"kinds", std::move(kinds)},
            {"slowest", std::move(slowest)},
            {"watched", std::chrono::duration<double>(runtime::loop::clock::now() - t->since).count()}};
  }

  runtime::loop& on_;
  const channel::channel_table& table_;
  const connection::client_list& clients_;
  transport::loop_transport& transport_;
  bucket_walk way_;
  std::size_t place_ = 0, spent_ = 0;
  bool begun_ = false;
};

json figures_json(const extension::actor_figures& a) {
  return {{"channel", a.channel},
          {"actor", a.actor},
          {"commands", a.commands},
          {"members", a.members},
          {"lease", {{"left", std::chrono::duration<double>(a.lease_left).count()}, {"token", a.lease_token}}}};
}

/// What all loops have, joined.
json actors_json(const std::string& node, const std::vector<std::shared_ptr<actor_walker>>& by_loop) {
  std::vector<std::pair<sort_key, json>> boxes;
  auto kinds = json::array(), slowest = json::array(), mailboxes = json::array();
  double watched = 0;
  for (auto& w : by_loop) {
    for (auto* page : {&w->mailboxes, &w->of_channels})
      std::move(page->rows().begin(), page->rows().end(), std::back_inserter(boxes));
    for (auto& k : w->times["kinds"]) kinds.push_back(std::move(k));
    for (auto& s : w->times["slowest"]) slowest.push_back(std::move(s));
    watched = std::max(watched, w->times["watched"].get<double>());
  }
  std::sort(boxes.begin(), boxes.end(), [](auto& a, auto& b) { return a.first.before(b.first); });
  for (auto& [key, row] : boxes)
    if (mailboxes.size() < most_actors) mailboxes.push_back(std::move(row));
  std::sort(slowest.begin(), slowest.end(),
            [](const json& a, const json& b) { return a["took_us"] > b["took_us"]; });
  if (slowest.size() > most_actors) slowest.erase(slowest.begin() + most_actors, slowest.end());
  return {{"node", node},
          {"watched", watched},
          {"kinds", std::move(kinds)},
          {"slowest", std::move(slowest)},
          {"mailboxes", std::move(mailboxes)},
          {"channel_actors", json::array()}};
}

} // namespace

// Of a channel's actor there is one in the cluster, so this node is its owner or has nothing to say.
void desk::actor(params& p, answered done) {
  const auto channel = p.needed("channel");
  p.done();
  auto tell = [this, done = std::move(done)](const std::optional<extension::actor_view>& seen) {
    if (!seen) {
      done(error_of(protocol::error_code::not_available, "this channel's actor doesn't run"));
      return;
    }
    auto put_together = [this, seen] {
      auto out = figures_json(seen->figures);
      out.update({{"node", env_.name},
                  {"loop", seen->loop},
                  {"state",
                   seen->state.empty() ? json(nullptr) : shown_text(seen->state, extension::actor_view::max_state)},
                  {"state_bytes", seen->state_bytes},
                  {"timers", seen->timers},
                  {"waiting", seen->waiting}});
      if (!seen->fault.empty()) out["fault"] = seen->fault;
      auto first = json::array();
      for (auto& m : seen->members) first.push_back({{"client", m.client}, {"user", m.user}});
      out["first"] = std::move(first);
      return result_of(std::move(out));
    };
    elsewhere_.run(std::move(put_together), done);
  };
  if (env_.actors)
    env_.actors->look(channel, std::move(tell));
  else
    tell(std::nullopt);
}

void desk::actors(params& p, answered done) {
  p.done();
  std::vector<std::shared_ptr<actor_walker>> own;
  std::vector<std::shared_ptr<walker>> all;
  for (unsigned i = 0; i < env_.loops.size(); ++i) {
    own.push_back(std::make_shared<actor_walker>(env_, env_.loops.at(i)));
    all.push_back(own.back());
  }
  walk(env_, std::move(all), [this, own, done = std::move(done)] {
    if (!env_.actors) {
      elsewhere_.run([this, own] { return result_of(actors_json(env_.name, own)); }, done);
      return;
    }
    env_.actors->list(most_channel_actors, [this, own, done](const auto& some, std::size_t count) {
      auto put_together = [this, own, some, count] {
        auto out = actors_json(env_.name, own);
        for (auto& a : some) out["channel_actors"].push_back(figures_json(a));
        out["channel_actors_count"] = count;
        return result_of(std::move(out));
      };
      elsewhere_.run(std::move(put_together), done);
    });
  });
}

} // namespace plexus::admin
