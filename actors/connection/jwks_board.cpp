#include "actors/connection/jwks_board.hpp"

namespace plexus::connection {

void jwks_board::want() {
  if (wanted_) return;
  wanted_ = true;
  changed_.notify_all();
}

jwks_board::keys_ptr jwks_board::keys() {
  const std::lock_guard locked(lock_);
  if (!keys_) want();
  return keys_;
}

bool jwks_board::undecided(std::string_view id, clock::time_point now) {
  const std::lock_guard locked(lock_);
  auto at = unknown_.find(std::string(id));
  if (at != unknown_.end() && at->second.fetches < succeeded_) {
    if (now - at->second.at < unknown_for) return false;
    unknown_.erase(at);
    at = unknown_.end();
  }
  if (at == unknown_.end()) {
    if (unknown_.size() >= max_unknown) unknown_.clear();
    unknown_.emplace(std::string(id), first_seen{begun_, now});
  }
  want();
  return true;
}

std::uint64_t jwks_board::begin() {
  const std::lock_guard locked(lock_);
  wanted_ = false;
  return ++begun_;
}

void jwks_board::succeeded(std::uint64_t number, std::vector<public_key> keys) {
  auto fresh = std::make_shared<const std::vector<public_key>>(std::move(keys));
  const std::lock_guard locked(lock_);
  keys_ = std::move(fresh);
  succeeded_ = number;
}

bool jwks_board::wait(clock::time_point early, clock::time_point late) {
  std::unique_lock locked(lock_);
  changed_.wait_until(locked, early, [this] { return stopped_; });
  changed_.wait_until(locked, late, [this] { return stopped_ || wanted_; });
  return !stopped_;
}

void jwks_board::stop() {
  const std::lock_guard locked(lock_);
  stopped_ = true;
  changed_.notify_all();
}

bool jwks_board::stopped() const {
  const std::lock_guard locked(lock_);
  return stopped_;
}

} // namespace plexus::connection
