#include "backplane/idempotency_keys.hpp"

namespace plexus::backplane {

std::optional<std::uint64_t> idempotency_keys::find(const std::string& key, milliseconds now) const {
  const auto at = known_.find(key);
  if (at == known_.end() || at->second.until <= now) return std::nullopt;
  return at->second.offset;
}

void idempotency_keys::add(std::string key, std::uint64_t offset, milliseconds until) {
  const auto [at, fresh] = known_.insert_or_assign(std::move(key), record{offset, until});
  order_.emplace_back(until, &*at);
}

std::size_t idempotency_keys::expire(milliseconds now, std::size_t most) {
  std::size_t done = 0;
  for (; done < most && !order_.empty() && order_.front().first <= now; ++done) {
    const auto [until, entry] = order_.front();
    order_.pop_front();
    // A key used again after its time has a newer place in the order: the older place must leave it alone.
    if (entry->second.until == until) known_.erase(known_.find(entry->first));
  }
  return done;
}

std::optional<std::chrono::milliseconds> idempotency_keys::next_due() const {
  if (order_.empty()) return std::nullopt;
  return order_.front().first;
}

} // namespace plexus::backplane
