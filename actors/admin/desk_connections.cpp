// Of desk: who is connected.

#include "actors/admin/desk.hpp"
#include "actors/admin/pages.hpp"
#include "actors/admin/pattern.hpp"
#include "actors/admin/walk.hpp"
#include "actors/channel/channel_actor.hpp"
#include "actors/connection/connection_actor.hpp"
#include "transport/session.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <unordered_map>

namespace plexus::admin {

namespace {

using connection::client;
using transport::session_id;

constexpr std::size_t most_subscriptions = 200; // of one connection, in full

struct connection_filter {
  std::string client, search, transport, format;
  pattern user{""}, channel{""};
  bool slow = false;
  std::string sort;
};

std::string_view transport_of(const transport::session& s) {
  using transport::framing;
  switch (s.framing) {
  case framing::websocket_text:
  case framing::websocket_binary:
    return "websocket";
  case framing::stream_events:
  case framing::plain_events:
    return "sse";
  case framing::stream_lines:
  case framing::plain_lines:
  case framing::stream_bytes:
  case framing::plain_bytes:
    break;
  }
  return "http_stream";
}

std::string_view format_of(const transport::session& s) {
  return s.format == protocol::format::json ? "json" : "protobuf";
}

/// Apart from the channel.
bool meant(const connection_filter& f, const client& c, transport::session& s) {
  if (!f.client.empty() && c.id() != f.client) return false;
  if (!f.user.matches(c.user())) return false;
  if (f.slow && s.on().out().empty()) return false;
  if (!f.transport.empty() && transport_of(s) != f.transport) return false;
  if (!f.format.empty() && format_of(s) != f.format) return false;
  return f.search.empty() || c.user().find(f.search) != std::string::npos || c.id().starts_with(f.search);
}

sort_key key_of(const connection_filter& f, const client& c, transport::session& s) {
  sort_key key{0, c.id()};
  if (f.sort == "queue") key.number = static_cast<double>(s.on().out().size());
  if (f.sort == "sent") key.number = static_cast<double>(s.on().sent());
  if (f.sort == "received") key.number = static_cast<double>(s.on().received());
  if (f.sort == "newest") key.number = static_cast<double>(c.about().since);
  if (f.sort == "oldest") key.number = -static_cast<double>(c.about().since);
  if (f.sort == "rtt") key.number = static_cast<double>(c.about().round_trip.count());
  if (f.sort == "user") key.text = c.user() + '\0' + c.id();
  return key;
}

json row_of(const environment& env, const client& c, transport::session& s) {
  const auto about = c.about();
  json row{{"client", c.id()},
           {"user", c.user()},
           {"node", env.name},
           {"address", s.on().peer()},
           {"since", about.since},
           {"transport", transport_of(s)},
           {"format", format_of(s)},
           {"channels", c.subscriptions()},
           {"queue", s.on().out().size()},
           {"received", {{"bytes", s.on().received()}, {"messages", s.messages_in()}}},
           {"sent", {{"bytes", s.on().sent()}, {"messages", s.messages_out}}}};
  if (about.round_trip.count() > 0) row["rtt"] = static_cast<double>(about.round_trip.count()) / 1000;
  if (about.library) {
    row["library"] = about.library->name;
    row["library_version"] = about.library->version;
  }
  return row;
}

json in_full(const environment& env, const client& c, transport::session& s) {
  auto out = row_of(env, c, s);
  const auto about = c.about();
  out["loop"] = s.on().owner().home().index();
  out["tls"] = s.on().is_secure();
  out["compression"] = s.deflate != 0;
  out["mailbox"] = s.in_mailbox();
  out["slow"] = s.skipping;
  out["expires_at"] = about.expires_at;
  if (!about.info.empty()) out["info"] = shown_text(about.info);
  auto subs = json::array();
  std::unordered_map<std::string_view, std::size_t> places; // the first: there may be many thousands
  c.each_subscription([&](const auto& sub) {
    if (subs.size() == most_subscriptions) return;
    json one{{"channel", sub.channel}, {"open", sub.open}, {"server_side", sub.server_side}, {"behind", 0}};
    if (sub.expires_at > 0) one["expires_at"] = sub.expires_at;
    places.emplace(sub.channel, subs.size());
    subs.push_back(std::move(one));
  });
  for (auto& m : s.memberships)
    if (const auto at = places.find(m.channel->name); at != places.end())
      subs[at->second]["behind"] = transport::fan_out_table::behind_by(m);
  out["subscriptions"] = std::move(subs);
  return out;
}

class connection_walker final : public walker {
public:
  connection_walker(const environment& env, runtime::loop& on, connection_filter filter, std::size_t limit,
                    const sort_key* after) :
      page(limit, after),
      env_(env),
      list_(env.clients.on(on)),
      transport_(*env.transports[on.index()]),
      filter_(std::move(filter)) {}

  bool step() override {
    if (place_ == unknown) place_ = list_.clients();
    return place_ > 0 || showing_ ? look() : begin_to_show();
  }

  [[nodiscard]] std::size_t spent() const noexcept override { return spent_; }

  page_of<session_id> page;
  std::vector<std::pair<sort_key, json>> rows; ///< of the page, in order
  json full;                                   ///< where one connection was asked for

private:
  static constexpr std::size_t unknown = SIZE_MAX;

  bool begin_to_show() {
    showing_ = true;
    return true;
  }

  bool look() {
    if (showing_) return show();
    place_ = std::min(place_, list_.clients());
    for (spent_ = 0; spent_ < walked_a_step && place_ > 0;) {
      auto& c = list_.at(place_ - 1);
      auto* s = transport_.find(c.session());
      spent_ += filter_.user.cost();
      if (!s || !meant(filter_, c, *s) || has_channel(c, spent_) == found::no) {
        next_client();
        continue;
      }
      if (seen_ == found::yes) {
        page.offer(key_of(filter_, c, *s), c.session());
        next_client();
      }
    }
    return true;
  }

  enum class found : std::uint8_t { no, yes, not_yet };
  /// Whether it is subscribed to what is asked for; `not_yet` where the step is over before all were looked at.
  found has_channel(const client& c, std::size_t& spent) {
    seen_ = found::yes;
    if (filter_.channel.empty()) return seen_;
    if (c.id() != looking_at_) {
      looking_at_ = c.id();
      looked_at_ = 0;
    }
    for (; looked_at_ < c.subscriptions(); ++looked_at_) {
      if (spent >= walked_a_step) return seen_ = found::not_yet;
      spent += filter_.channel.cost();
      if (filter_.channel.matches(c.subscription_at(looked_at_))) return seen_;
    }
    return seen_ = found::no;
  }
  void next_client() {
    --place_;
    looking_at_.clear();
  }

  bool show() {
    for (spent_ = 0; spent_ < shown_a_step && shown_ < page.rows().size(); ++spent_, ++shown_) {
      auto& [key, id] = page.rows()[shown_];
      auto* s = transport_.find(id);
      auto* actor =
          s && s->client()
              ? static_cast<connection::connection_actor*>(caf::actor_cast<caf::abstract_actor*>(s->client()))
              : nullptr;
      if (!actor) continue; // gone meanwhile
      if (filter_.client.empty())
        rows.emplace_back(key, row_of(env_, actor->state(), *s));
      else
        full = in_full(env_, actor->state(), *s);
    }
    return shown_ < page.rows().size();
  }

  const environment& env_;
  const connection::client_list& list_;
  transport::loop_transport& transport_;
  connection_filter filter_;
  std::size_t place_ = unknown;
  std::size_t shown_ = 0, spent_ = 0;
  std::string looking_at_; ///< the client whose subscriptions are being looked at
  std::size_t looked_at_ = 0;
  found seen_ = found::yes;
  bool showing_ = false;
};

using walkers = std::vector<std::shared_ptr<connection_walker>>;

walkers start(const environment& env, const connection_filter& filter, std::size_t limit, const sort_key* after,
              std::function<void(walkers&)> done) {
  walkers all;
  std::vector<std::shared_ptr<walker>> plain;
  for (unsigned i = 0; i < env.loops.size(); ++i) {
    all.push_back(std::make_shared<connection_walker>(env, env.loops.at(i), filter, limit, after));
    plain.push_back(all.back());
  }
  walk(env, std::move(plain), [all, done = std::move(done)]() mutable { done(all); });
  return all;
}

} // namespace

void desk::connections(params& p, answered done) {
  connection_filter f;
  f.user = pattern(p.text("user"));
  f.channel = pattern(p.text("channel"));
  f.search = p.text("search");
  f.transport = p.one_of("transport", "", {"", "websocket", "http_stream", "sse"});
  f.format = p.one_of("format", "", {"", "json", "protobuf"});
  f.slow = p.flag("slow");
  f.sort = p.one_of("sort", "client", {"client", "user", "queue", "sent", "received", "newest", "oldest", "rtt"});
  const auto limit = static_cast<std::size_t>(p.number("limit", 50, 1, 200));
  auto after = read_cursor(p.any("after"));
  p.done();
  start(env_, f, limit, after ? &*after : nullptr, [this, limit, done = std::move(done)](walkers& all) {
    auto put_together = [all, limit] {
      std::vector<std::pair<sort_key, json>> rows;
      std::size_t matched = 0;
      bool more = false;
      for (auto& w : all) {
        matched += w->page.seen();
        more = more || w->page.more();
        std::move(w->rows.begin(), w->rows.end(), std::back_inserter(rows));
      }
      return result_of(page_json("connections", std::move(rows), limit, matched, more));
    };
    elsewhere_.run(std::move(put_together), done);
  });
}

void desk::connection(params& p, answered done) {
  connection_filter f;
  f.client = p.needed("client", 64);
  p.done();
  start(env_, f, 1, nullptr, [this, done = std::move(done)](walkers& all) {
    for (auto& w : all)
      if (!w->full.is_null()) {
        add_positions(std::make_shared<json>(std::move(w->full)), done);
        return;
      }
    done(error_of(protocol::error_code::not_available, "no connection here has this client id"));
  });
}

// Where a channel stands is known on its own loop.
void desk::add_positions(std::shared_ptr<json> to, answered done) {
  auto& subs = (*to)["subscriptions"];
  auto at = std::make_shared<std::vector<protocol::position>>(subs.size());
  auto names = std::make_shared<std::vector<std::string>>();
  for (auto& s : subs) names->push_back(s["channel"]);
  auto work = [this, at, names](runtime::loop& on) {
    for (std::size_t i = 0; i < names->size(); ++i) {
      if (&env_.loops.of((*names)[i]) != &on) continue;
      auto* actor = env_.channels.here((*names)[i]);
      if (actor && actor->state()) (*at)[i] = actor->state()->about(on.now()).top;
    }
  };
  env_.loops.on_each(work, [to, at, done = std::move(done)] {
    auto& all = (*to)["subscriptions"];
    for (std::size_t i = 0; i < at->size(); ++i)
      if (!(*at)[i].epoch.empty()) all[i]["position"] = {{"offset", (*at)[i].offset}, {"epoch", (*at)[i].epoch}};
    done(result_of(std::move(*to)));
  });
}

} // namespace plexus::admin
