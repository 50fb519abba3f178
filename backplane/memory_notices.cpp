#include "backplane/memory_notices.hpp"

#include <algorithm>

namespace plexus::backplane {

std::optional<notice> memory_notices::put(const notice& what, milliseconds now) {
  // Each new one frees two that are over, so that those don't keep the place of the living.
  expire(now, 2);
  auto at = held_.find(what.key);
  if (at != held_.end() && at->second.until <= now) {
    drop(what.key);
    at = held_.end();
  }
  if (what.until <= now) return at == held_.end() ? notice{what.key, 0, milliseconds{0}} : at->second;
  if (at == held_.end()) {
    if (held_.size() >= max_notices) return std::nullopt;
    at = held_.emplace(what.key, what).first;
  } else {
    due_.erase({at->second.until, what.key});
    at->second.value = std::max(at->second.value, what.value);
    at->second.until = std::max(at->second.until, what.until);
  }
  due_.emplace(at->second.until, what.key);
  return at->second;
}

bool memory_notices::drop(const std::string& key) {
  const auto at = held_.find(key);
  if (at == held_.end()) return false;
  due_.erase({at->second.until, key});
  held_.erase(at);
  return true;
}

std::vector<notice> memory_notices::all(milliseconds now) const {
  std::vector<notice> out;
  out.reserve(held_.size());
  for (const auto& [key, each] : held_)
    if (each.until > now) out.push_back(each);
  return out;
}

void memory_notices::expire(milliseconds now, std::size_t budget) {
  for (; budget > 0 && !due_.empty() && due_.begin()->first <= now; --budget) {
    held_.erase(due_.begin()->second);
    due_.erase(due_.begin());
  }
}

} // namespace plexus::backplane
