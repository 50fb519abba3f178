#include "backplane/memory_store.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace plexus::backplane {

namespace {

// Things freed in one shard while it is locked: about 0.1 ms. With 64 shards a call frees up to 65,536.
constexpr std::size_t sweep_budget = 1024;
// Each new channel frees at least one that is over, so that the sweep can't fall behind for long.
constexpr std::size_t budget_of_opening = 2;

} // namespace

void memory_store::shard::settle(channel_table::iterator at, milliseconds now) {
  auto& channel = at->second;
  if (channel.unused() && channel.log.lived_out(now)) {
    if (channel.due) due.erase({*channel.due, &*at});
    channels.erase(at);
    return;
  }
  const auto next = channel.log.next_due(channel.unused());
  // A later time is left for when the present one comes up: a busy channel doesn't move at each publication.
  if (!next || (channel.due && *channel.due <= *next)) return;
  if (channel.due) due.erase({*channel.due, &*at});
  due.emplace(*next, &*at);
  channel.due = next;
}

void memory_store::shard::sweep(milliseconds now, std::size_t budget) {
  while (budget > 0 && !due.empty() && due.begin()->first <= now) {
    auto& [name, channel] = *due.begin()->second;
    due.erase(due.begin());
    channel.due.reset();
    const std::size_t cost = 1 + channel.log.expire(now, budget);
    settle(channels.find(name), now);
    budget -= std::min(budget, cost);
  }
}

memory_store::step::step(memory_store& store, const std::string& channel, const clock_function& clock) :
    shard_(store.shard_of(channel)),
    channel_(channel),
    locked_(shard_.lock),
    now_(clock()),
    at_(shard_.channels.find(channel)) {}

memory_store::step::~step() {
  if (at_ != shard_.channels.end()) shard_.settle(at_, now_);
}

memory_channel* memory_store::step::find() noexcept {
  return at_ == shard_.channels.end() ? nullptr : &at_->second;
}

memory_channel& memory_store::step::open() {
  if (at_ == shard_.channels.end()) {
    shard_.sweep(now_, budget_of_opening);
    at_ = shard_.channels.try_emplace(channel_).first;
  }
  return at_->second;
}

void memory_store::each(const clock_function& clock,
                        const std::function<void(const std::string&, memory_channel&, milliseconds)>& act) {
  for (auto& part : shards_) {
    const std::lock_guard locked(part.lock);
    const auto now = clock();
    for (auto at = part.channels.begin(); at != part.channels.end();) {
      const auto here = at++;
      act(here->first, here->second, now);
      part.settle(here, now);
    }
  }
}

void memory_store::sweep(milliseconds now) {
  for (auto& part : shards_) {
    const std::lock_guard locked(part.lock);
    part.sweep(now, sweep_budget);
  }
  with_leases([now](memory_leases& leases) { leases.expire(now); });
  with_actors([now](memory_actors& actors, const auto&) { actors.expire(now); });
  with_notices([now](memory_notices& notices, const auto&) { notices.expire(now, sweep_budget); });
}

memory_store::counts memory_store::size() {
  counts all;
  for (auto& part : shards_) {
    const std::lock_guard locked(part.lock);
    all.channels += part.channels.size();
    all.due += part.due.size();
  }
  with_leases([&all](const memory_leases& leases) { all.leases = leases.size(); });
  with_actors([&all](const memory_actors& actors, const auto&) { all.actors = actors.size(); });
  with_notices([&all](const memory_notices& notices, const auto&) { all.notices = notices.size(); });
  return all;
}

memory_store::shard& memory_store::shard_of(const std::string& channel) noexcept {
  // The upper bits: the table inside the shard goes by the whole number modulo a prime.
  return shards_[(std::hash<std::string_view>{}(channel) >> 32U) % shards_.size()];
}

} // namespace plexus::backplane
