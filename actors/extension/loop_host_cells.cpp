// The life of the cells that are here, and what their actors want done.

#include "actors/extension/loop_host.hpp"

#include "actors/extension/aside.hpp"
#include "actors/extension/metrics.hpp"

#include <algorithm>

namespace plexus::extension {

namespace {

answer failed() {
  return {100, "internal server error", {}, false, false};
}

} // namespace

void loop_host::remove(const std::string& channel, const commit::removal& what) {
  if (what.who.node == node_.with_.uid || !node_.with_.others)
    return node_.with_.around.unsubscribe(channel, what.who, what.code);
  ask_body body;
  body.what = ask_body::kind::remove;
  body.channel = channel;
  body.who = what.who;
  body.code = what.code;
  tell("remove " + what.who.client + " " + channel, what.who.node, write(body));
}

void loop_host::set_presence(const std::string& channel, const commit::presence& what) {
  if (what.who.node == node_.with_.uid || !node_.with_.others)
    return node_.with_.around.set_presence(channel, what.who, what.json);
  ask_body body;
  body.what = ask_body::kind::presence;
  body.channel = channel;
  body.who = what.who;
  body.json = what.json;
  tell("presence " + what.who.client + " " + channel, what.who.node, write(body));
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
      p.given_until = home_.now() + move_time;
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
    if (!node_.alive(holder)) {
      node_.refresh([] {});
      pump_later(p, short_pause);
    }
    break;
  case cell_end::lost:
    pay_all(p, replies_body::state_of::again, {});
    pump_later(p, short_pause);
    break;
  case cell_end::unreadable:
    pay_all(p, replies_body::state_of::unreadable, {});
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
  // A node that came since the last tick may have members too, and isn't gone because it isn't known here yet.
  node_.refresh([this, living = std::weak_ptr(living_), channel, number = which.number()] {
    home_.post([this, living, channel, number] {
      const auto here = living.lock();
      if (!here || !*here) return;
      const auto at = posts_.find(channel);
      if (at != posts_.end() && at->second.here && at->second.here->number() == number)
        ask_rosters(*at->second.here);
    });
  });
}

void loop_host::ask_rosters(cell& of) {
  const auto& channel = of.channel();
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
    node_.with_.others->ask(node, write(body), ask_timeout,
                            [this, living = std::weak_ptr(living_), channel, number = of.number(), node](auto got) {
                              home_.post([this, living, channel, number, node, got = std::move(got)] {
                                const auto here = living.lock();
                                if (!here || !*here || !got) return;
                                const auto at = posts_.find(channel);
                                const auto there = read_roster(*got);
                                if (at == posts_.end() || !there || !at->second.here ||
                                    at->second.here->number() != number)
                                  return;
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
    std::erase_if(p.debts, [this](const auto& each) { return !node_.alive(each.first); });
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
  // Meanwhile nobody else is to take it.
  p.here->leave(stop_reason::moved, move_time);
}

namespace {

constexpr std::chrono::microseconds list_slice{400};

actor_figures figures_of(const cell& c) {
  return {c.channel(),    c.actor_name(), c.commands(), c.members() ? c.members()->size() : 0,
          c.lease_left(), c.lease_token()};
}

} // namespace

// A step a turn of what is already late when there is much to do; there may be many thousands.
void loop_host::list(listing& to, std::size_t most, const std::function<void()>& done) const {
  if (to.way.begins(posts_)) {
    to.some.clear();
    to.count = 0;
  }
  const auto until = clock::now() + list_slice;
  bool more = true;
  while (more && clock::now() < until)
    more = to.way.step(posts_, [&](const auto& each) {
      const auto& cell = each.second.here;
      if (!cell || !cell->members()) return std::size_t{0};
      ++to.count;
      if (to.some.size() < most) to.some.push_back(figures_of(*cell));
      return std::size_t{0};
    });
  if (!more) return done();
  home_.patiently([this, living = std::weak_ptr(living_), &to, most, done] {
    if (const auto here = living.lock(); here && *here) list(to, most, done);
  });
}

std::optional<actor_view> loop_host::look(const std::string& channel) const {
  const auto at = posts_.find(channel);
  const auto* actor = at == posts_.end() || !at->second.here ? nullptr : at->second.here->actor();
  if (!actor) return std::nullopt;
  const auto& c = *at->second.here;
  actor_view out;
  out.figures = figures_of(c);
  out.loop = home_.index();
  out.state_bytes = actor->state_size();
  out.timers = actor->timers();
  out.waiting = c.unanswered();
  for (const auto& [client, who] : actor->members()) {
    if (out.members.size() == actor_view::most_members) break;
    out.members.push_back(who);
  }
  try {
    out.state = actor->inspect();
    if (out.state.size() > actor_view::max_state) {
      out.fault = "it shows " + std::to_string(out.state.size()) + " bytes, more than " +
                  std::to_string(actor_view::max_state);
      out.state.clear();
    }
  } catch (const std::exception& why) {
    out.fault = why.what();
  } catch (...) {
    out.fault = "it threw something";
  }
  return out;
}

void loop_host::apply(const std::shared_ptr<const config::settings>& settings) {
  settings_ = settings;
  for (auto& [channel, p] : posts_) {
    const auto* options = settings->options_of(channel);
    if (options) p.most = options->max_actor_mailbox;
    if (!p.here) continue;
    if (options && options->actor == p.here->actor_name()) {
      p.here->set_options(*options);
      continue;
    }
    const auto here = p.here;
    home_.defer([here] { here->leave(stop_reason::idle); });
  }
}

} // namespace plexus::extension
