#include "actors/extension/loop_host.hpp"

#include "actors/extension/aside.hpp"
#include "actors/extension/metrics.hpp"
#include "actors/runtime/log.hpp"

#include <algorithm>

namespace plexus::extension {

namespace {

constexpr milliseconds short_pause{100};
constexpr milliseconds ask_timeout{1000};
constexpr std::size_t commands_a_question = 500;

answer failed() {
  return {100, "internal server error", {}, false, false};
}

} // namespace

struct loop_host::alarm final : runtime::timer {
  explicit alarm(loop_host& of) : owner(of) {}
  void expired() override { owner.on_alarm(); }
  loop_host& owner;
};

loop_host::loop_host(host& node, runtime::loop& home) :
    node_(node), home_(home), settings_(node.with_.settings), alarm_(std::make_unique<alarm>(*this)) {}

loop_host::~loop_host() {
  *living_ = false;
}

loop_host::post& loop_host::post_of(const std::string& channel) {
  auto [at, made] = posts_.try_emplace(channel);
  if (made) at->second.channel = channel;
  return at->second;
}

void loop_host::forget_if_unused(const std::string& channel) {
  const auto at = posts_.find(channel);
  if (at == posts_.end()) return;
  const auto& p = at->second;
  if (p.queue.empty() && p.members.empty() && !p.here && p.debts.empty() && !p.asking && !p.moved) posts_.erase(at);
}

// -- commands of this node

void loop_host::submit(const std::string& channel, command what, std::function<void(const delivered&)> done) {
  auto& p = post_of(channel);
  what.origin = node_.with_.uid;
  what.number = p.last_number = ++last_number_;
  using kind = command::kind;
  if (what.what == kind::subscribe) {
    what.who.node = node_.with_.uid;
    p.members.insert_or_assign(what.who.client, what.who);
    p.entering.insert(what.who.client);
  } else if (what.what == kind::unsubscribe) {
    what.who.node = node_.with_.uid;
    p.members.erase(what.who.client);
    p.entering.erase(what.who.client);
  }
  // As long as it may take until another node has the actor, and a while.
  const auto patience = settings_->backplane.lease + std::chrono::seconds{5};
  p.queue.push_back({std::move(what), std::move(done), home_.now() + patience, false});
  pump(p);
  rest();
}

void loop_host::pump(post& p) {
  if (p.queue.empty() && p.debts.empty()) return;
  if (home_.now() < p.pause_until || node_.ending_) return;
  if (p.here) return give_to_cell(p);
  if (p.asking) return;
  const auto owner = !p.owner.empty() && node_.alive(p.owner) ? p.owner : node_.preferred(p.channel);
  if (owner == node_.with_.uid || !node_.with_.others || std::exchange(p.silent, false)) {
    if (!p.queue.empty() && make_cell(p)) give_to_cell(p);
    return;
  }
  ask_owner(p, owner);
}

void loop_host::pump_later(post& p, milliseconds pause) {
  p.pause_until = home_.now() + pause;
  rest();
}

bool loop_host::make_cell(post& p) {
  const auto* options = settings_->options_of(p.channel);
  const auto make = options ? node_.with_.code.find(options->actor) : nullptr;
  if (!make) {
    while (!p.queue.empty()) settle(p, p.queue.front().what.number, {108, "not available", {}, false, false}, {});
    return false;
  }
  cell_setup with;
  with.channel = p.channel;
  with.actor_name = options->actor;
  with.make = make;
  with.self = node_.with_.uid;
  with.lease = settings_->backplane.lease;
  with.key_life = settings_->backplane.idempotency_ttl;
  with.number = ++last_cell_;
  p.here =
      std::make_shared<cell>(std::move(with), *options, home_, node_.with_.plane, static_cast<cell_port&>(*this));
  p.here->begin();
  return true;
}

void loop_host::give_to_cell(post& p) {
  // An answer may come at once and change the queue.
  const auto acked = p.queue.empty() ? p.last_number : p.queue.front().what.number - 1;
  std::vector<command> now;
  for (auto& each : p.queue) {
    if (each.given) continue;
    each.given = true;
    now.push_back(each.what);
    now.back().acked = acked;
  }
  const auto here = p.here;
  for (auto& each : now) here->take(std::move(each));
}

// Answered, and out of the queue; `later` stays in it.
void loop_host::settle(post& p, std::uint64_t number, const answer& what, const protocol::position& at) {
  const auto found = std::lower_bound(p.queue.begin(), p.queue.end(), number,
                                      [](const waiting& each, std::uint64_t n) { return each.what.number < n; });
  if (found == p.queue.end() || found->what.number != number || what.later) return;
  if (found->what.what == command::kind::subscribe) {
    p.entering.erase(found->what.who.client);
    if (what.code != 0) p.members.erase(found->what.who.client);
  }
  const auto done = std::move(found->done);
  p.queue.erase(found);
  if (done) done({what, at});
}

void loop_host::replied(const std::string& channel, const commit::reply& what, const protocol::position& at) {
  auto& p = post_of(channel);
  if (what.origin == node_.with_.uid) {
    settle(p, what.number, what.what, at);
    forget_if_unused(channel);
    return;
  }
  const ask_body::reply out{what.number, what.what, at.epoch, at.offset};
  const auto owed = p.debts.find(what.origin);
  if (owed != p.debts.end() && owed->second.left.erase(what.number) > 0) {
    owed->second.done.replies.push_back(out);
    if (owed->second.left.empty()) pay(p, what.origin, replies_body::state_of::done, {});
    return;
  }
  if (!node_.with_.others || what.what.later) return;
  ask_body late;
  late.what = ask_body::kind::late;
  late.channel = channel;
  late.origin = node_.with_.uid;
  late.replies.push_back(out);
  node_.with_.others->ask(what.origin, write(late), ask_timeout, [](const auto&) {});
}

// -- commands for another node

void loop_host::ask_owner(post& p, const std::string& owner) {
  ask_body body;
  body.channel = p.channel;
  body.origin = node_.with_.uid;
  body.acked = p.queue.empty() ? p.last_number : p.queue.front().what.number - 1;
  for (auto& each : p.queue) {
    if (each.given) continue;
    if (body.commands.size() == commands_a_question) break;
    each.given = true;
    body.commands.push_back(each.what);
  }
  if (body.commands.empty()) return;
  count::forwarded.add(body.commands.size());
  p.asking = true;
  node_.with_.others->ask(owner, write(body), ask_timeout,
                          [this, living = std::weak_ptr(living_), channel = p.channel, owner](auto answered) {
                            home_.post([this, living, channel, owner, answered = std::move(answered)]() mutable {
                              if (const auto here = living.lock(); here && *here)
                                on_answered(channel, owner, std::move(answered));
                            });
                          });
}

void loop_host::on_answered(const std::string& channel, const std::string& owner, std::optional<std::string> body) {
  const auto at = posts_.find(channel);
  if (at == posts_.end()) return;
  auto& p = at->second;
  p.asking = false;
  auto got = body ? read_replies(*body) : std::nullopt;
  if (!got) {
    p.owner.clear();
    p.silent = true;
    again(p);
    pump_later(p, short_pause);
    return;
  }
  for (const auto& each : got->replies) settle(p, each.number, each.what, {each.epoch, each.offset});
  switch (got->how) {
  case replies_body::state_of::done:
    p.owner = owner;
    pump(p);
    break;
  case replies_body::state_of::moved:
    again(p);
    // Who has it may be gone: its lease has to run out first.
    if (got->holder == p.owner || got->holder == owner || !node_.alive(got->holder)) pump_later(p, short_pause);
    p.owner = got->holder;
    pump(p);
    break;
  case replies_body::state_of::again:
    p.owner.clear();
    again(p);
    pump_later(p, short_pause);
    break;
  }
  forget_if_unused(channel);
}

/// Whatever was given may have been lost.
void loop_host::again(post& p) {
  for (auto& each : p.queue) {
    if (!each.given) continue;
    each.given = false;
    count::repeated.add();
  }
}

void loop_host::asked(ask_body what, std::function<void(std::string)> respond) {
  using kind = ask_body::kind;
  switch (what.what) {
  case kind::commands:
    break;
  case kind::late:
    if (const auto at = posts_.find(what.channel); at != posts_.end()) {
      for (const auto& each : what.replies) settle(at->second, each.number, each.what, {each.epoch, each.offset});
      forget_if_unused(what.channel);
    }
    return respond({});
  case kind::roster: {
    roster_body out;
    if (const auto at = posts_.find(what.channel); at != posts_.end()) {
      for (const auto& [client, who] : at->second.members) out.members.push_back(who);
      out.entering.assign(at->second.entering.begin(), at->second.entering.end());
      // Whoever asks has the actor.
      at->second.owner = what.origin;
    }
    return respond(write(out));
  }
  case kind::wake:
    wake(what.channel);
    return respond({});
  case kind::remove:
    node_.with_.around.unsubscribe(what.channel, what.who, what.code);
    return respond({});
  case kind::presence:
    node_.with_.around.set_presence(what.channel, what.who, what.json);
    return respond({});
  default:
    return respond({});
  }
  auto& p = post_of(what.channel);
  if (p.debts.contains(what.origin)) pay(p, what.origin, replies_body::state_of::again, {});
  if (!p.here && (node_.draining_ || !make_cell(p))) {
    const auto to = node_.preferred(what.channel);
    respond(
        write(replies_body{to == node_.with_.uid ? replies_body::state_of::again : replies_body::state_of::moved,
                           to == node_.with_.uid ? std::string() : to,
                           {}}));
    return forget_if_unused(what.channel);
  }
  auto& owed = p.debts[what.origin];
  owed.respond = std::move(respond);
  for (const auto& each : what.commands) owed.left.insert(each.number);
  const auto here = p.here;
  for (auto& each : what.commands) {
    each.origin = what.origin;
    each.acked = what.acked;
    here->take(std::move(each));
  }
}

void loop_host::pay(post& p, const std::string& to, replies_body::state_of how, const std::string& holder) {
  const auto owed = p.debts.find(to);
  if (owed == p.debts.end()) return;
  auto what = std::move(owed->second);
  p.debts.erase(owed);
  what.done.how = how;
  what.done.holder = holder;
  what.respond(write(what.done));
}

void loop_host::pay_all(post& p, replies_body::state_of how, const std::string& holder) {
  while (!p.debts.empty()) pay(p, p.debts.begin()->first, how, holder);
}

// -- what an actor wants done

void loop_host::remove(const std::string& channel, const commit::removal& what) {
  if (what.who.node == node_.with_.uid || !node_.with_.others)
    return node_.with_.around.unsubscribe(channel, what.who, what.code);
  ask_body body;
  body.what = ask_body::kind::remove;
  body.channel = channel;
  body.who = what.who;
  body.code = what.code;
  node_.with_.others->ask(what.who.node, write(body), ask_timeout, [](const auto&) {});
}

void loop_host::set_presence(const std::string& channel, const commit::presence& what) {
  if (what.who.node == node_.with_.uid || !node_.with_.others)
    return node_.with_.around.set_presence(channel, what.who, what.json);
  ask_body body;
  body.what = ask_body::kind::presence;
  body.channel = channel;
  body.who = what.who;
  body.json = what.json;
  node_.with_.others->ask(what.who.node, write(body), ask_timeout, [](const auto&) {});
}

void loop_host::run_aside(const std::string& channel, std::uint64_t number, commit::aside what) {
  count::asides.add();
  auto back = [this, living = std::weak_ptr(living_), channel, number, name = what.name](std::string value,
                                                                                         std::string error) {
    home_.post([this, living, channel, number, name, value = std::move(value), error = std::move(error)]() mutable {
      const auto here = living.lock();
      const auto at = here && *here ? posts_.find(channel) : posts_.end();
      if (!here || !*here || at == posts_.end()) return;
      // Another cell knows nothing of it: what asked for it was done by one that is gone.
      const auto cell = at->second.here;
      if (!cell || cell->number() != number) return;
      command done;
      done.what = command::kind::aside;
      done.verb = std::move(name);
      done.data = std::move(value);
      done.message = std::move(error);
      cell->take(std::move(done));
    });
  };
  const bool taken = node_.asides_->run([work = std::move(what.work), back] {
    std::string value, error;
    try {
      value = work();
    } catch (const std::exception& e) {
      error = e.what();
      if (error.empty()) error = "failed";
    } catch (...) {
      error = "failed";
    }
    back(std::move(value), std::move(error));
  });
  if (taken) return;
  count::asides_refused.add();
  back({}, "too many functions wait to be run aside");
}

// -- the life of a cell

void loop_host::wake(const std::string& channel) {
  auto& p = post_of(channel);
  if (!p.here && !node_.draining_) make_cell(p);
  forget_if_unused(channel);
}

void loop_host::ended(cell& which, cell_end how, const std::string& holder) {
  const auto at = posts_.find(which.channel());
  if (at == posts_.end() || at->second.here.get() != &which) return;
  auto& p = at->second;
  // It is in the middle of a call.
  home_.defer([gone = std::move(p.here)] {});
  p.here.reset();
  p.owner.clear();
  again(p);
  if (p.moved) {
    const auto moved = std::exchange(p.moved, nullptr);
    if (how == cell_end::left) {
      p.owner = p.move_to;
      ask_body wake;
      wake.what = ask_body::kind::wake;
      wake.channel = p.channel;
      wake.origin = node_.with_.uid;
      node_.with_.others->ask(p.move_to, write(wake), ask_timeout, [moved](const auto& got) {
        moved(got ? "" : "the node did not answer; the next command starts the actor where it should be");
      });
    } else {
      moved("the actor was lost on the way");
    }
  }
  switch (how) {
  case cell_end::elsewhere:
    p.owner = holder;
    pay_all(p, replies_body::state_of::moved, holder);
    if (!node_.alive(holder)) pump_later(p, short_pause);
    break;
  case cell_end::lost:
    pay_all(p, replies_body::state_of::again, {});
    pump_later(p, short_pause);
    break;
  case cell_end::unreadable:
    pay_all(p, replies_body::state_of::again, {});
    for (auto i = p.queue.size(); i-- > 0 && !p.queue.empty();)
      settle(p, p.queue.front().what.number, failed(), {});
    break;
  case cell_end::left:
    if (p.owner.empty())
      pay_all(p, replies_body::state_of::again, {});
    else
      pay_all(p, replies_body::state_of::moved, p.owner);
    break;
  }
  if (node_.draining_ && how == cell_end::left && node_.with_.others) {
    const auto to = node_.preferred(p.channel);
    if (to != node_.with_.uid) {
      p.owner = to;
      ask_body wake;
      wake.what = ask_body::kind::wake;
      wake.channel = p.channel;
      wake.origin = node_.with_.uid;
      node_.with_.others->ask(to, write(wake), ask_timeout, [](const auto&) {});
    }
  }
  pump(p);
  forget_if_unused(which.channel());
  if (all_left_ &&
      std::none_of(posts_.begin(), posts_.end(), [](const auto& each) { return each.second.here != nullptr; }))
    std::exchange(all_left_, {})();
  rest();
}

// Members that this node knows of from what was kept are compared with who is really there.
void loop_host::began(cell& which) {
  const auto& channel = which.channel();
  auto& p = post_of(channel);
  p.owner.clear();
  roster_body own;
  for (const auto& [client, who] : p.members) own.members.push_back(who);
  own.entering.assign(p.entering.begin(), p.entering.end());
  check_members(which, node_.with_.uid, own);
  if (!node_.with_.others) {
    alive_changed();
    return;
  }
  ask_body body;
  body.what = ask_body::kind::roster;
  body.channel = channel;
  body.origin = node_.with_.uid;
  std::vector<std::string> nodes;
  {
    const std::lock_guard locked(node_.lock_);
    nodes = node_.alive_;
  }
  for (const auto& node : nodes) {
    if (node == node_.with_.uid) continue;
    node_.with_.others->ask(
        node, write(body), ask_timeout,
        [this, living = std::weak_ptr(living_), channel, number = which.number(), node](auto got) {
          home_.post([this, living, channel, number, node, got = std::move(got)] {
            const auto here = living.lock();
            if (!here || !*here || !got) return;
            const auto at = posts_.find(channel);
            const auto there = read_roster(*got);
            if (at == posts_.end() || !there || !at->second.here || at->second.here->number() != number) return;
            check_members(*at->second.here, node, *there);
          });
        });
  }
  alive_changed();
}

void loop_host::check_members(cell& of, const std::string& node, const roster_body& there) {
  if (!of.members()) return;
  const auto listed = [&](const std::string& client) {
    return std::any_of(there.members.begin(), there.members.end(),
                       [&](const member& m) { return m.client == client; }) ||
           std::find(there.entering.begin(), there.entering.end(), client) != there.entering.end();
  };
  std::vector<command> news;
  for (const auto& [client, who] : *of.members()) {
    if (who.node != node || listed(client)) continue;
    command gone;
    gone.what = command::kind::unsubscribe;
    gone.who = who;
    gone.clean = false;
    gone.why = end_reason::disconnected;
    news.push_back(std::move(gone));
  }
  for (const auto& who : there.members) {
    if (of.members()->contains(who.client)) continue;
    if (std::find(there.entering.begin(), there.entering.end(), who.client) != there.entering.end()) continue;
    command found;
    found.what = command::kind::found;
    found.who = who;
    found.who.node = node;
    news.push_back(std::move(found));
  }
  for (auto& each : news) of.take(std::move(each));
}

// Members on nodes that are gone leave.
void loop_host::alive_changed() {
  for (auto& [channel, p] : posts_) {
    if (!p.here || !p.here->members()) continue;
    std::vector<command> news;
    for (const auto& [client, who] : *p.here->members()) {
      if (node_.alive(who.node)) continue;
      command gone;
      gone.what = command::kind::unsubscribe;
      gone.who = who;
      gone.clean = false;
      gone.why = end_reason::node_lost;
      news.push_back(std::move(gone));
    }
    const auto here = p.here;
    for (auto& each : news) here->take(std::move(each));
  }
}

void loop_host::leave_all(stop_reason why, runtime::task done) {
  std::vector<std::shared_ptr<cell>> all;
  for (auto& [channel, p] : posts_)
    if (p.here) all.push_back(p.here);
  if (all.empty()) return done();
  all_left_ = std::move(done);
  for (auto& each : all) each->leave(why);
}

void loop_host::move(const std::string& channel, const std::string& to, std::function<void(std::string)> done) {
  const auto at = posts_.find(channel);
  if (at == posts_.end() || !at->second.here || !at->second.here->serving())
    return done("there is no such actor on this node");
  if (to == node_.with_.uid) return done({});
  auto& p = at->second;
  if (p.moved) return done("it is being moved already");
  p.move_to = to;
  p.moved = std::move(done);
  p.here->leave(stop_reason::moved);
}

void loop_host::list(std::vector<actor_figures>& to) const {
  for (const auto& [channel, p] : posts_)
    if (p.here && p.here->members())
      to.push_back({channel, p.here->actor_name(), p.here->commands(), p.here->members()->size()});
}

void loop_host::apply(const std::shared_ptr<const config::settings>& settings) {
  settings_ = settings;
  for (auto& [channel, p] : posts_) {
    if (!p.here) continue;
    const auto* options = settings->options_of(channel);
    if (options && options->actor == p.here->actor_name()) {
      p.here->set_options(*options);
      continue;
    }
    const auto here = p.here;
    home_.defer([here] { here->leave(stop_reason::idle); });
  }
}

// -- time

void loop_host::rest() {
  if (alarm_->armed()) return;
  if (posts_.empty()) return;
  home_.arm(*alarm_, home_.now() + short_pause);
}

// Commands whose wait is over, and those that wait for a pause. Channels without either cost a look.
void loop_host::on_alarm() {
  const auto now = home_.now();
  std::vector<std::string> all;
  for (const auto& [channel, p] : posts_)
    if (!p.queue.empty()) all.push_back(channel);
  for (const auto& channel : all) {
    const auto at = posts_.find(channel);
    if (at == posts_.end()) continue;
    auto& p = at->second;
    for (std::size_t i = 0; i < p.queue.size();) {
      if (p.queue[i].until > now) {
        ++i;
        continue;
      }
      count::given_up.add();
      settle(p, p.queue[i].what.number, failed(), {});
    }
    pump(p);
    forget_if_unused(channel);
  }
  if (!all.empty()) rest();
}

} // namespace plexus::extension
