#include "transport/front/address_limit.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

namespace plexus::transport::front {

namespace {
// Of its own for each process: who chooses addresses must not know which of them fall together.
const std::uint64_t seed = std::uint64_t{std::random_device{}()} << 32 | std::random_device{}();
} // namespace

std::size_t address_limit::hash::operator()(const config::ip_address& a) const noexcept {
  std::uint64_t halves[2];
  std::memcpy(halves, a.bytes.data(), sizeof halves);
  auto mixed = ((halves[0] ^ seed) * 0xc4ceb9fe1a85ec53ULL ^ (halves[1] + seed) * 0x9e3779b97f4a7c15ULL) *
               0xff51afd7ed558ccdULL;
  return static_cast<std::size_t>(mixed ^ mixed >> 32);
}

// What isn't touched for two generations is gone.
void address_limit::turn_over(double per_second, double most, time_point now) {
  auto fill = std::chrono::duration<double>(most / per_second);
  if (now - turned_ < fill && young_.size() < max_addresses / 2) return;
  // After a long quiet what is young has filled up too.
  if (now - turned_ >= 2 * fill) young_.clear();
  old_ = std::move(young_);
  young_ = {};
  turned_ = now;
}

address_limit::answer address_limit::take(const config::ip_address& who, double per_second, time_point now) {
  if (per_second <= 0) return {};
  auto key = who;
  if (!key.v4()) std::fill(key.bytes.begin() + 8, key.bytes.end(), std::uint8_t{0});
  auto most = std::max(per_second, 1.0);
  std::lock_guard guard(mutex_);
  turn_over(per_second, most, now);
  auto at = young_.find(key);
  if (at == young_.end()) {
    bucket first{most, now};
    if (auto known = old_.find(key); known != old_.end()) {
      first = known->second;
      old_.erase(known);
    }
    at = young_.emplace(key, first).first;
  }
  auto& b = at->second;
  auto passed = std::max(std::chrono::duration<double>(now - b.at).count(), 0.0);
  b.tokens = std::min(most, b.tokens + passed * per_second);
  b.at = std::max(b.at, now);
  if (b.tokens >= 1) {
    b.tokens -= 1;
    return {};
  }
  auto wait = std::ceil((1 - b.tokens) / per_second);
  return {false, std::chrono::seconds(std::clamp(static_cast<long long>(std::min(wait, 3600.0)), 1LL, 3600LL))};
}

std::size_t address_limit::remembered() const {
  std::lock_guard guard(mutex_);
  return young_.size() + old_.size();
}

} // namespace plexus::transport::front
