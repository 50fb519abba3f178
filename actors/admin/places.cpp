#include "actors/admin/places.hpp"

#include <algorithm>

namespace plexus::admin {

places::key places::key_of(const config::ip_address& who) noexcept {
  auto out = who.bytes;
  if (!who.v4()) std::fill(out.begin() + 8, out.end(), std::uint8_t{0});
  return out;
}

bool places::enter(const config::ip_address& who) {
  const std::lock_guard guard(mutex_);
  if (strangers_ >= max_strangers) return false;
  auto& same = by_address_[key_of(who)];
  if (same >= max_strangers_an_address) return false;
  ++same;
  ++strangers_;
  return true;
}

bool places::sign_in(const config::ip_address& who) {
  const std::lock_guard guard(mutex_);
  if (sessions_ >= max_sessions) return false;
  ++sessions_;
  forget(key_of(who));
  return true;
}

void places::leave(const config::ip_address& who, bool signed_in) {
  const std::lock_guard guard(mutex_);
  if (signed_in)
    --sessions_;
  else
    forget(key_of(who));
}

void places::forget(const key& who) {
  --strangers_;
  const auto at = by_address_.find(who);
  if (--at->second == 0) by_address_.erase(at);
}

} // namespace plexus::admin
