#include "transport/queue_budget.hpp"

#include "actors/runtime/log.hpp"
#include "transport/link_owner.hpp"
#include "transport/transport_metrics.hpp"

#include <algorithm>
#include <vector>

namespace plexus::transport {

std::size_t queue_budget::join(link_owner& who) {
  shares_.emplace_back(who);
  return shares_.size() - 1;
}

void queue_budget::settle(std::size_t which, std::int64_t held, std::size_t most) {
  auto& own = shares_[which];
  auto before = own.held.load(std::memory_order_relaxed);
  if (held == 0 && before == 0) return;
  own.held.store(held, std::memory_order_relaxed);
  metrics::queue_bytes.add(held - before);
  if (held == 0) own.largest.store(0, std::memory_order_relaxed);
  if (most > 0 && over(most)) relieve(own, most);
}

bool queue_budget::over(std::size_t most) const noexcept {
  std::int64_t sum = 0;
  for (auto& s : shares_) sum += s.held.load(std::memory_order_relaxed);
  return sum > 0 && static_cast<std::size_t>(sum) > most;
}

// What another loop showed as its largest queue may be old; asked, it looks again, and sends for whoever has the
// largest then.
void queue_budget::relieve(share& own, std::size_t most) {
  auto mine = own.owner.largest_queue();
  own.largest.store(mine, std::memory_order_relaxed);
  auto* largest = &own;
  for (auto& s : shares_)
    if (s.largest.load(std::memory_order_relaxed) > largest->largest.load(std::memory_order_relaxed)) largest = &s;
  if (largest == &own) {
    close_largest(own, most);
    return;
  }
  if (largest->asked.exchange(true)) return;
  largest->owner.home().post([this, largest, most] {
    largest->asked = false;
    if (over(most)) relieve(*largest, most);
  });
}

void queue_budget::close_largest(share& own, std::size_t most) {
  for (auto& l : own.owner.largest_queues()) {
    if (!over(most)) break;
    auto before = own.held.load(std::memory_order_relaxed);
    l->overload();
    own.held.store(chunk::held, std::memory_order_relaxed);
    metrics::queue_bytes.add(chunk::held - before);
    metrics::evicted.add();
    ++own.closed;
  }
  own.largest.store(own.owner.largest_queue(), std::memory_order_relaxed);
  auto now = own.owner.home().now();
  if (own.closed == 0 || now - own.logged < std::chrono::seconds(1)) return;
  own.logged = now;
  runtime::log::warn("transport", "queues are over node.max_queue_memory: closed the slowest clients",
                     {{"clients", std::exchange(own.closed, 0)}, {"max", most}});
}

} // namespace plexus::transport
