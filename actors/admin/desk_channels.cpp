// Of desk: the channels in use here.

#include "actors/admin/desk.hpp"
#include "actors/admin/pages.hpp"
#include "actors/admin/pattern.hpp"
#include "actors/admin/walk.hpp"
#include "actors/channel/channel_actor.hpp"
#include "transport/api/channel_commands.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace plexus::admin {

namespace {

using channel::channel_actor;

constexpr std::size_t shown_members = 100;

/// Control characters and what isn't configured are told before a channel's actor is made for them.
void check(const environment& env, const std::string& name) {
  if (auto fault = transport::api::check_channel(*env.node.settings(), name))
    throw refusal{*fault, std::string(protocol::entry(*fault).name)};
}

json position_of(const protocol::position& at) {
  if (at.epoch.empty()) return nullptr;
  return {{"offset", at.offset}, {"epoch", at.epoch}};
}

json row_of(const channel::channel_table::entry& e, const channel::channel& c,
            std::chrono::steady_clock::time_point now) {
  const auto about = c.about(now);
  return {{"channel", c.name()},
          {"subscribers", c.subscribers()},
          {"publications_per_second", about.per_second},
          {"publications", about.publications},
          {"bytes", about.bytes},
          {"position", position_of(about.top)},
          {"mailbox", e.in_mailbox},
          {"nodes", 1}};
}

class channel_walker final : public walker {
public:
  channel_walker(const environment& env, runtime::loop& on, std::string_view glob, std::string sort,
                 std::size_t limit, const sort_key* after) :
      page(limit, after), table_(env.channels.table(on)), pattern_(glob), sort_(std::move(sort)), begin_(page) {}

  bool step() override {
    const auto& all = table_.all();
    if (way_.begins(all)) page = begin_;
    const auto now = table_.home.now();
    return way_.step(all, [&](const auto& each) {
      offer(each.second, now);
      return pattern_.cost();
    });
  }

  [[nodiscard]] std::size_t spent() const noexcept override { return way_.spent(); }

  page_of<json> page;

private:
  void offer(const channel::channel_table::entry& e, std::chrono::steady_clock::time_point now) {
    const auto* c = e.object ? e.object->state() : nullptr;
    if (!c || !pattern_.matches(c->name())) return;
    sort_key key{0, c->name()};
    if (sort_ == "subscribers") key.number = static_cast<double>(c->subscribers());
    if (sort_ == "rate") key.number = c->about(now).per_second;
    if (page.wants(key))
      page.offer(std::move(key), row_of(e, *c, now));
    else
      page.pass(key);
  }

  const channel::channel_table& table_;
  pattern pattern_;
  std::string sort_;
  page_of<json> begin_;
  bucket_walk way_;
};

/// Those of some names that are in use on one loop.
class named_walker final : public walker {
public:
  named_walker(const environment& env, runtime::loop& on, std::shared_ptr<const std::vector<std::string>> names) :
      env_(env), on_(on), names_(std::move(names)) {}

  bool step() override {
    for (spent_ = 0; spent_ < shown_a_step && place_ < names_->size(); ++spent_, ++place_) {
      const auto& name = (*names_)[place_];
      if (&env_.loops.of(name) != &on_) continue;
      auto* entry = env_.channels.table(on_).find(name);
      if (const auto* state = entry && entry->object ? entry->object->state() : nullptr)
        rows.emplace_back(sort_key{0, name}, row_of(*entry, *state, on_.now()));
    }
    return place_ < names_->size();
  }
  [[nodiscard]] std::size_t spent() const noexcept override { return spent_; }

  std::vector<std::pair<sort_key, json>> rows;

private:
  const environment& env_;
  runtime::loop& on_;
  std::shared_ptr<const std::vector<std::string>> names_;
  std::size_t place_ = 0, spent_ = 0;
};

json member_of(const protocol::client_info& who) {
  json out{{"client", who.client}, {"user", who.user}};
  if (!who.conn_info.empty()) out["info"] = shown_text(who.conn_info);
  if (!who.channel_info.empty()) out["state"] = shown_text(who.channel_info);
  return out;
}

json publication_of(const protocol::publication& p, bool payloads) {
  json out{{"offset", p.offset}, {"time", p.time.count()}, {"bytes", p.data.size()}};
  if (p.info) out["by"] = {{"client", p.info->client}, {"user", p.info->user}};
  auto tags = json::object();
  for (auto& [name, value] : p.tags) tags[name] = value;
  if (!tags.empty()) out["tags"] = std::move(tags);
  if (!payloads) return out;
  if (p.binary)
    out["binary"] = true;
  else
    out["data"] = shown_text(p.data);
  return out;
}

json options_of(const config::channel_options& o) {
  return {{"presence", o.presence},
          {"history_size", o.history_size},
          {"history_ttl", o.history_ttl.count()},
          {"delta", o.delta},
          {"on_slow", o.on_slow == config::slow_policy::latest ? "latest" : "disconnect"},
          {"durability", o.durability == config::durability::replicated ? "replicated" : "fast"},
          {"max_subscribers", o.max_subscribers},
          {"actor", o.actor}};
}

} // namespace

void desk::channels(params& p, answered done) {
  const auto glob = p.text("pattern");
  const auto sort = p.one_of("sort", "name", {"name", "subscribers", "rate"});
  const auto limit = static_cast<std::size_t>(p.number("limit", 50, 1, 200));
  const auto after = read_cursor(p.any("after"));
  const auto& names = p.any("names");
  p.done();
  if (!names.is_null()) {
    channels_named(names, std::move(done));
    return;
  }
  std::vector<std::shared_ptr<channel_walker>> own;
  std::vector<std::shared_ptr<walker>> all;
  for (unsigned i = 0; i < env_.loops.size(); ++i) {
    own.push_back(
        std::make_shared<channel_walker>(env_, env_.loops.at(i), glob, sort, limit, after ? &*after : nullptr));
    all.push_back(own.back());
  }
  auto put_together = [own, limit] {
    std::vector<std::pair<sort_key, json>> rows;
    std::size_t matched = 0;
    bool more = false;
    for (auto& w : own) {
      matched += w->page.seen();
      more = more || w->page.more();
      std::move(w->page.rows().begin(), w->page.rows().end(), std::back_inserter(rows));
    }
    return result_of(page_json("channels", std::move(rows), limit, matched, more));
  };
  walk(env_, std::move(all), [this, put_together, done = std::move(done)] { elsewhere_.run(put_together, done); });
}

// Those of them that are in use here.
void desk::channels_named(const json& names, answered done) {
  constexpr std::size_t most = 200;
  const bool are_texts = names.is_array() && std::all_of(names.begin(), names.end(), [](const json& n) {
                           return n.is_string() && n.get_ref<const std::string&>().size() <= params::max_text;
                         });
  if (!are_texts || names.size() > most)
    throw refusal{protocol::error_code::bad_request, "\"names\": expected a list of at most 200 channels"};
  auto wanted = std::make_shared<std::vector<std::string>>();
  for (auto& n : names) wanted->push_back(n.get<std::string>());
  std::vector<std::shared_ptr<named_walker>> own;
  std::vector<std::shared_ptr<walker>> all;
  for (unsigned i = 0; i < env_.loops.size(); ++i) {
    own.push_back(std::make_shared<named_walker>(env_, env_.loops.at(i), wanted));
    all.push_back(own.back());
  }
  auto put_together = [own] {
    std::vector<std::pair<sort_key, json>> rows;
    for (auto& w : own) std::move(w->rows.begin(), w->rows.end(), std::back_inserter(rows));
    const auto matched = rows.size();
    return result_of(page_json("channels", std::move(rows), most, matched, false));
  };
  walk(env_, std::move(all), [this, put_together, done = std::move(done)] { elsewhere_.run(put_together, done); });
}

// Who is there is asked where the channel is occupied: such a node has the set in memory, of which the first are
// taken. Reading it from the backplane is reading all of it.
void desk::channel_here(params& p, answered done) {
  const auto name = p.needed("channel");
  p.done();
  check(env_, name);
  auto& home = env_.loops.of(name);
  auto& back = *runtime::loop::current();
  home.post([this, name, &home, &back, done = std::move(done)] {
    auto* entry = env_.channels.table(home).find(name);
    const auto* state = entry && entry->object ? entry->object->state() : nullptr;
    auto answer = std::make_shared<json>(json{{"node", env_.name}, {"in_use", state != nullptr}});
    bool knows_members = false;
    if (state) {
      const auto about = state->about(home.now());
      auto& out = *answer;
      out.update(row_of(*entry, *state, home.now()));
      out["loop"] = home.index();
      out["occupied"] = about.occupied;
      out["catching_up"] = about.catching_up;
      out["joining"] = about.joining;
      out["by_loop"] = state->by_loop();
      const auto settings = env_.node.settings();
      const auto* options = settings->options_of(name);
      knows_members = about.occupied && options && options->presence;
    }
    runtime::task tell = [answer, &back, done] {
      back.post([answer, done] { done(result_of(std::move(*answer))); });
    };
    if (knows_members)
      add_members(name, answer, std::move(tell));
    else
      tell();
  });
}

// `then` is called on the channel's loop or aside. Only the first are taken along from the loop.
void desk::add_members(const std::string& channel, std::shared_ptr<json> to, runtime::task then) {
  struct first_members {
    std::vector<protocol::client_info> first;
    std::size_t clients = 0, users = 0;
  };
  auto tell = std::make_shared<runtime::task>(std::move(then));
  env_.channels.tell(
      channel,
      channel::read_presence{[this, to, tell](plexus::backplane::outcome<const presence::member_set*> set) {
        if (!set) {
          (*to)["members"] = {{"error", protocol::entry(set.error()).name}};
          (*tell)();
          return;
        }
        auto seen = std::make_shared<first_members>();
        seen->clients = (*set)->clients();
        seen->users = (*set)->users();
        for (auto& m : (*set)->members()) {
          if (seen->first.size() == shown_members) break;
          seen->first.push_back(m);
        }
        auto write = [seen] {
          auto members = json::array();
          for (auto& m : seen->first) members.push_back(member_of(m));
          return json{{"clients", seen->clients}, {"users", seen->users}, {"first", std::move(members)}};
        };
        elsewhere_.run(write, [to, tell](json members) {
          (*to)["members"] = std::move(members);
          (*tell)();
        });
      }});
}

void desk::channel_log(params& p, answered done) {
  const auto name = p.needed("channel");
  const auto limit = static_cast<std::size_t>(p.number("limit", 20, 0, 100));
  const auto payloads = p.flag("payloads");
  const auto members = p.flag("members", true);
  p.done();
  check(env_, name);
  const auto settings = env_.node.settings();
  const auto* options = settings->options_of(name);
  auto out = std::make_shared<json>(json{{"channel", name}, {"options", options_of(*options)}});
  auto all = std::make_shared<gathering>(env_.loops, 2, [out, done] { done(result_of(std::move(*out))); });
  // Both answers come on the channel's loop, one after the other.
  if (options->presence && members)
    add_members(name, out, [all] { all->one_is_done(); });
  else
    all->one_is_done();
  if (options->has_history()) {
    channel::read_history m;
    m.what.limit = limit;
    m.what.reverse = true;
    m.done = [this, out, all, payloads](channel::outcome<plexus::backplane::log_page> page) {
      if (!page) {
        (*out)["history"] = {{"error", protocol::entry(page.error()).name}};
        all->one_is_done();
        return;
      }
      auto write = [payloads, kept = std::move(*page)] {
        auto list = json::array();
        for (auto& each : kept.publications) list.push_back(publication_of(*each, payloads));
        return json{{"position", position_of(kept.top)}, {"last", std::move(list)}};
      };
      elsewhere_.run(write, [out, all](json history) {
        (*out)["history"] = std::move(history);
        all->one_is_done();
      });
    };
    env_.channels.tell(name, std::move(m));
  } else {
    all->one_is_done();
  }
}

} // namespace plexus::admin
