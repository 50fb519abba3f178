#include "backplane/memory_leases.hpp"

namespace plexus::backplane {

lease memory_leases::acquire(const std::string& name, const std::string& holder, milliseconds ttl,
                             milliseconds now) {
  auto& has = held_[name];
  const bool taken = has.token != 0 && has.until > now;
  if (taken && has.holder != holder) return {false, has.holder, has.token};
  if (!taken) has = {holder, ++last_token_, {}};
  has.until = now + ttl;
  return {true, holder, has.token};
}

bool memory_leases::extend(const std::string& name, const std::string& holder, std::uint64_t token,
                           milliseconds ttl, milliseconds now) {
  const auto at = held_.find(name);
  if (at == held_.end() || at->second.until <= now) return false;
  if (at->second.holder != holder || at->second.token != token) return false;
  at->second.until = now + ttl;
  return true;
}

bool memory_leases::taken(const std::string& name, milliseconds now) const {
  const auto at = held_.find(name);
  return at != held_.end() && at->second.until > now;
}

void memory_leases::release(const std::string& name, const std::string& holder) {
  const auto at = held_.find(name);
  if (at != held_.end() && at->second.holder == holder) held_.erase(at);
}

void memory_leases::expire(milliseconds now) {
  std::erase_if(held_, [now](const auto& each) { return each.second.until <= now; });
}

} // namespace plexus::backplane
