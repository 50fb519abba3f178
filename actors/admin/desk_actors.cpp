// Of desk: actors and what waits for them; the backplane.

#include "actors/admin/desk.hpp"
#include "actors/admin/page_of.hpp"
#include "actors/admin/walk.hpp"
#include "actors/channel/channel_actor.hpp"
#include "actors/connection/connection_actor.hpp"
#include "actors/runtime/log.hpp"
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
      buckets_ = table_.all().bucket_count();
    }
    place_ = std::min(place_, clients_.clients());
    for (std::size_t n = 0; n < walked_a_step && place_ > 0; ++n) {
      auto& c = clients_.at(--place_);
      auto* s = transport_.find(c.session());
      if (s && s->in_mailbox() > 0) offer("connection", c.id(), s->in_mailbox());
    }
    // Of a table that was rehashed meanwhile the rest is left out: this is a look at the moment.
    const auto& all = table_.all();
    if (all.bucket_count() != buckets_) bucket_ = buckets_;
    for (std::size_t n = 0; n < walked_a_step && bucket_ < buckets_; ++n, ++bucket_)
      for (auto i = all.begin(bucket_); i != all.end(bucket_); ++i)
        if (i->second.in_mailbox > 0) offer("channel", i->first, i->second.in_mailbox);
    return place_ > 0 || bucket_ < buckets_;
  }

  page_of<json> mailboxes;
  json times;

private:
  void offer(const char* kind, const std::string& name, std::uint32_t waiting) {
    sort_key key{static_cast<double>(waiting), name};
    if (mailboxes.wants(key))
      mailboxes.offer(std::move(key),
                      {{"kind", kind}, {"name", name}, {"loop", on_.index()}, {"mailbox", waiting}});
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
  std::size_t place_ = 0, bucket_ = 0, buckets_ = 0;
  bool begun_ = false;
};

} // namespace

void desk::actors(params& p, answered done) {
  p.done();
  std::vector<std::shared_ptr<actor_walker>> own;
  std::vector<std::shared_ptr<walker>> all;
  for (unsigned i = 0; i < env_.loops.size(); ++i) {
    own.push_back(std::make_shared<actor_walker>(env_, env_.loops.at(i)));
    all.push_back(own.back());
  }
  walk(env_, std::move(all), [this, own, done = std::move(done)] {
    std::vector<std::pair<sort_key, json>> boxes;
    auto kinds = json::array(), slowest = json::array(), mailboxes = json::array();
    double watched = 0;
    for (auto& w : own) {
      std::move(w->mailboxes.rows().begin(), w->mailboxes.rows().end(), std::back_inserter(boxes));
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
    auto out = std::make_shared<json>(json{{"node", env_.name},
                                           {"watched", watched},
                                           {"kinds", std::move(kinds)},
                                           {"slowest", std::move(slowest)},
                                           {"mailboxes", std::move(mailboxes)},
                                           {"channel_actors", json::array()}});
    if (!env_.actors) {
      done(result_of(std::move(*out)));
      return;
    }
    env_.actors->list([out, done](const std::vector<extension::actor_figures>& figures) {
      auto& list = (*out)["channel_actors"];
      for (auto& a : figures) {
        if (list.size() == most_channel_actors) break;
        list.push_back(
            {{"channel", a.channel}, {"actor", a.actor}, {"commands", a.commands}, {"members", a.members}});
      }
      (*out)["channel_actors_count"] = figures.size();
      done(result_of(std::move(*out)));
    });
  });
}

void desk::backplane(params& p, answered done) {
  p.done();
  const auto settings = env_.node.settings();
  const auto health = env_.plane.check();
  const auto& url = settings->backplane.url;
  // What stands between the scheme and the address may be a password.
  auto rest = url.find("//") == std::string::npos ? std::string() : url.substr(url.find("//") + 2);
  if (auto at = rest.rfind('@'); at != std::string::npos) rest.erase(0, at + 1);
  rest = rest.substr(0, rest.find('?'));
  auto figures = json::object();
  for (auto& s : env_.node.samples())
    if (s.name.starts_with("plexus_backplane_")) figures[s.name] = s.value;
  static constexpr std::string_view counted[] = {"plexus_backplane_received_total",
                                                 "plexus_backplane_connects_total",
                                                 "plexus_backplane_doubts_total",
                                                 "plexus_backplane_registrations_total",
                                                 "plexus_backplane_channels_in_doubt_total",
                                                 "plexus_backplane_script_errors_total",
                                                 "plexus_backplane_given_up_total",
                                                 "plexus_backplane_overflow_total",
                                                 "plexus_backplane_cleaned_members_total"};
  for (auto& r : runtime::metrics::read(counted))
    figures[r.name + (r.label.empty() ? "" : "{" + r.label + "}")] = r.value;
  static constexpr std::string_view timed[] = {"plexus_backplane_round_trip_seconds",
                                               "plexus_backplane_inbox_lag_seconds"};
  auto times = json::object();
  for (auto& r : runtime::metrics::read(timed))
    times[r.name] = {{"count", r.value},
                     {"p50", quantile(r.bounds, r.observed, 0.5)},
                     {"p99", quantile(r.bounds, r.observed, 0.99)}};
  auto errors = json::array();
  for (auto& l : runtime::log::recent(0, runtime::log::kept_lines))
    if (l.part == "backplane" || l.part == "redis")
      errors.push_back({{"time", l.time.count()}, {"event", l.event}});
  done(result_of({{"node", env_.name},
                  {"ready", health.ready},
                  {"message", health.message},
                  {"kind", url.substr(0, url.find(':'))},
                  {"servers", rest},
                  {"figures", std::move(figures)},
                  {"times", std::move(times)},
                  {"last_errors", std::move(errors)}}));
}

} // namespace plexus::admin
