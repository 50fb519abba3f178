// Commands for another node's actors, and what other nodes ask of this one.

#include "actors/extension/loop_host.hpp"

#include "actors/extension/metrics.hpp"

namespace plexus::extension {

namespace {

constexpr std::size_t commands_a_question = 500;

} // namespace

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

} // namespace plexus::extension
