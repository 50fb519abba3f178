// Commands for another node's actors, and what other nodes ask of this one.

#include "actors/extension/loop_host.hpp"

#include "actors/extension/metrics.hpp"

#include <algorithm>

namespace plexus::extension {

namespace {

std::size_t size_of(const command& c) {
  return c.data.size() + c.message.size() + c.key.size() + c.who.info.size() + c.channel_info.size() + 200;
}

} // namespace

std::size_t size_of(const ask_body::reply& r) {
  return r.what.data.size() + r.what.message.size() + r.epoch.size() + 40;
}

void loop_host::ask_owner(post& p, const std::string& owner) {
  ask_body body;
  body.channel = p.channel;
  body.origin = node_.with_.uid;
  body.acked = p.queue.empty() ? p.last_number : p.queue.front().what.number - 1;
  std::size_t bytes = 0;
  p.asked.clear();
  for (auto& each : p.queue) {
    if (each.given) continue;
    if (body.commands.size() == bundle_commands || bytes >= bundle_bytes) break;
    each.given = true;
    bytes += size_of(each.what);
    p.asked.push_back(each.what.number);
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
    ask_for_the_rest(p, got->replies);
    pump(p);
    break;
  case replies_body::state_of::moved:
    again(p);
    // Who has it may be gone: its lease has to run out first. Or it has just come.
    if (!node_.alive(got->holder)) node_.refresh([] {});
    if (got->holder == p.owner || got->holder == owner || !node_.alive(got->holder)) pump_later(p, short_pause);
    p.owner = got->holder;
    pump(p);
    break;
  case replies_body::state_of::again:
    p.owner.clear();
    again(p);
    pump_later(p, short_pause);
    break;
  case replies_body::state_of::unreadable:
    // Perhaps this node's plugin can read it.
    p.owner.clear();
    p.silent = true;
    again(p);
    pump_later(p, short_pause);
    break;
  }
  forget_if_unused(channel);
}

// Answers that were too much for one message are asked for again; the owner has them ready.
void loop_host::ask_for_the_rest(post& p, const std::vector<ask_body::reply>& had) {
  if (had.size() >= p.asked.size()) return;
  std::set<std::uint64_t> answered;
  for (const auto& each : had) answered.insert(each.number);
  for (auto& each : p.queue)
    if (each.given && !answered.contains(each.what.number) &&
        std::binary_search(p.asked.begin(), p.asked.end(), each.what.number))
      each.given = false;
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
  // What was on its way here when the actor was given away must not bring it back.
  if (!p.here && home_.now() < p.given_until && node_.alive(p.move_to))
    return respond(write(replies_body{replies_body::state_of::moved, p.move_to, {}}));
  if (!p.here && (node_.draining_ || !make_cell(p))) {
    const auto to = node_.preferred(what.channel);
    respond(
        write(replies_body{to == node_.with_.uid ? replies_body::state_of::again : replies_body::state_of::moved,
                           to == node_.with_.uid ? std::string() : to,
                           {}}));
    return forget_if_unused(what.channel);
  }
  std::vector<command> fresh;
  {
    auto& owed = p.debts[what.origin];
    if (owed.respond) owed.respond(write(replies_body{replies_body::state_of::again, {}, {}}));
    owed.respond = std::move(respond);
    const auto over = [&](std::uint64_t number) { return number <= what.acked; };
    std::erase_if(owed.left, over);
    std::erase_if(owed.ready, [&](const auto& each) {
      if (over(each.first)) owed.bytes -= size_of(each.second);
      return over(each.first);
    });
    // What the cell has been given already it will answer.
    for (auto& each : what.commands)
      if (!over(each.number) && !owed.ready.contains(each.number) && owed.left.insert(each.number).second)
        fresh.push_back(std::move(each));
  }
  const auto here = p.here;
  for (auto& each : fresh) {
    each.origin = what.origin;
    each.acked = what.acked;
    here->take(std::move(each));
  }
  pay(p, what.origin);
}

// All that is asked for, or as much as fits a message.
void loop_host::pay(post& p, const std::string& to) {
  const auto found = p.debts.find(to);
  if (found == p.debts.end()) return;
  auto& owed = found->second;
  if (!owed.respond || (!owed.left.empty() && owed.bytes < bundle_bytes)) return;
  replies_body out;
  for (std::size_t bytes = 0; !owed.ready.empty() && bytes < bundle_bytes;) {
    const auto first = owed.ready.begin();
    bytes += size_of(first->second);
    owed.bytes -= size_of(first->second);
    out.replies.push_back(std::move(first->second));
    owed.ready.erase(first);
  }
  const auto respond = std::exchange(owed.respond, nullptr);
  if (owed.left.empty() && owed.ready.empty()) p.debts.erase(found);
  respond(write(out));
}

void loop_host::pay_all(post& p, replies_body::state_of how, const std::string& holder) {
  // What is ready and not told is asked for again: whoever has the actor then knows it.
  const auto all = std::exchange(p.debts, {});
  for (const auto& [to, owed] : all)
    if (owed.respond) owed.respond(write(replies_body{how, holder, {}}));
}

// -- words to other nodes

void loop_host::tell(std::string about, const std::string& node, std::string body) {
  if (!errands_.contains(about) && errands_.size() >= most_errands) {
    count::words_lost.add();
    return;
  }
  const auto now = home_.now();
  errands_.insert_or_assign(
      about, errand{node, std::make_shared<const std::string>(std::move(body)), now + patience(), now, false});
  run_errand(about);
  rest();
}

void loop_host::run_errand(const std::string& about) {
  auto& it = errands_.at(about);
  it.asking = true;
  node_.with_.others->ask(it.node, *it.body, ask_timeout,
                          [this, living = std::weak_ptr(living_), about, body = it.body](const auto& got) {
                            home_.post([this, living, about, body, heard = got.has_value()] {
                              const auto here = living.lock();
                              if (!here || !*here) return;
                              const auto found = errands_.find(about);
                              if (found == errands_.end() || found->second.body != body) return; // a newer one
                              found->second.asking = false;
                              found->second.next = home_.now() + short_pause;
                              const bool over = home_.now() >= found->second.until;
                              if (!heard && !over && node_.alive(found->second.node)) return rest();
                              // Whoever is on a node that is gone has left.
                              if (!heard && over) count::words_lost.add();
                              errands_.erase(found);
                            });
                          });
}

void loop_host::run_errands() {
  std::vector<std::string> due;
  for (const auto& [about, each] : errands_)
    if (!each.asking && each.next <= home_.now()) due.push_back(about);
  for (const auto& about : due) run_errand(about);
}

} // namespace plexus::extension
