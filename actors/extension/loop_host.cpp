#include "actors/extension/loop_host.hpp"

#include "actors/extension/aside.hpp"
#include "actors/extension/metrics.hpp"
#include "actors/runtime/log.hpp"

#include <algorithm>

namespace plexus::extension {

namespace {

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
  if (made) {
    at->second.channel = channel;
    if (const auto* options = settings_->options_of(channel)) at->second.most = options->max_actor_mailbox;
  }
  return at->second;
}

void loop_host::forget_if_unused(const std::string& channel) {
  const auto at = posts_.find(channel);
  if (at == posts_.end()) return;
  const auto& p = at->second;
  if (p.queue.empty() && p.members.empty() && !p.here && p.debts.empty() && !p.asking && !p.moved &&
      p.given_until == clock::time_point{})
    posts_.erase(at);
}

// -- commands of this node

void loop_host::submit(const std::string& channel, command what, std::function<void(const delivered&)> done) {
  auto& p = post_of(channel);
  using kind = command::kind;
  // That somebody has gone can't be refused.
  if (p.most > 0 && p.queue.size() >= p.most && what.what != kind::unsubscribe) {
    count::mailbox_full.add();
    if (done) done({{111, "too many requests", {}, false, false}, {}});
    return;
  }
  what.origin = node_.with_.uid;
  what.number = p.last_number = ++last_number_;
  if (what.what == kind::subscribe) {
    what.who.node = node_.with_.uid;
    p.members.insert_or_assign(what.who.client, what.who);
    p.entering.insert(what.who.client);
  } else if (what.what == kind::unsubscribe) {
    what.who.node = node_.with_.uid;
    p.members.erase(what.who.client);
    p.entering.erase(what.who.client);
  }
  p.queue.push_back({std::move(what), std::move(done), home_.now() + patience(), false});
  pump(p);
  rest();
}

// As long as it may take until another node has the actor, and a while.
milliseconds loop_host::patience() const {
  return settings_->backplane.lease + node_.with_.beyond_lease;
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
  with.patience = patience();
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
    owed->second.bytes += size_of(out);
    owed->second.ready.insert_or_assign(what.number, out);
    pay(p, what.origin);
    return;
  }
  if (!node_.with_.others || what.what.later) return;
  ask_body late;
  late.what = ask_body::kind::late;
  late.channel = channel;
  late.origin = node_.with_.uid;
  late.replies.push_back(out);
  tell("late " + std::to_string(what.number) + " " + what.origin, what.origin, write(late));
}

// -- time

void loop_host::rest() {
  if (alarm_->armed()) return;
  if (posts_.empty() && errands_.empty()) return;
  home_.arm(*alarm_, home_.now() + short_pause);
}

// Commands whose wait is over, and those that wait for a pause. Channels without either cost a look.
void loop_host::on_alarm() {
  const auto now = home_.now();
  std::vector<std::string> all;
  for (const auto& [channel, p] : posts_)
    if (!p.queue.empty() || p.given_until != clock::time_point{}) all.push_back(channel);
  for (const auto& channel : all) {
    const auto at = posts_.find(channel);
    if (at == posts_.end()) continue;
    auto& p = at->second;
    if (p.given_until <= now) p.given_until = {};
    for (std::size_t i = 0; i < p.queue.size();) {
      if (p.queue[i].until > now) {
        ++i;
        continue;
      }
      if (!give_up(p, i)) ++i;
    }
    pump(p);
    forget_if_unused(channel);
  }
  run_errands();
  if (!all.empty() || !errands_.empty()) rest();
}

bool loop_host::give_up(post& p, std::size_t which) {
  using kind = command::kind;
  auto& late = p.queue[which];
  const auto what = late.what.what;
  // Whoever has the actor must learn of it one day, or the member stays for ever.
  if (what == kind::unsubscribe && p.queue.size() <= most_leaving) {
    late.until = home_.now() + patience();
    return false;
  }
  count::given_up.add();
  const auto who = late.what.who;
  settle(p, late.what.number, failed(), {});
  if (what != kind::subscribe) return true;
  // Perhaps it was done after all: its client knows nothing of that.
  command gone;
  gone.what = kind::unsubscribe;
  gone.who = who;
  submit(p.channel, std::move(gone), nullptr);
  return true;
}

} // namespace plexus::extension
