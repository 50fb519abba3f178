#include "actors/admin/gate.hpp"

#include "transport/api/key_check.hpp"

#include <algorithm>
#include <utility>

namespace plexus::admin {

namespace {

constexpr unsigned most_doublings = 4;

} // namespace

bool is_secret(std::string_view given, std::string_view secret) noexcept {
  return !secret.empty() && transport::api::same_secret(given, secret);
}

access access_of(const connection::claims& who) noexcept {
  if (who.admin == "write") return access::write;
  return who.admin == "read" ? access::read : access::none;
}

// Who has one IPv6 address has 2^64 of them.
config::ip_address gate::account_of(config::ip_address who) noexcept {
  if (!who.v4()) std::fill(who.bytes.begin() + who.bytes.size() / 2, who.bytes.end(), std::uint8_t{0});
  return who;
}

std::optional<std::uint64_t> gate::worth_a_line(time_point now) {
  std::lock_guard guard(mutex_);
  ++unsaid_;
  if (said_ != time_point{} && now - said_ < std::chrono::seconds(1)) return std::nullopt;
  said_ = now;
  return std::exchange(unsaid_, 0);
}

std::optional<gate::time_point> gate::admit(const config::ip_address& from, time_point now) {
  const auto who = account_of(from);
  std::lock_guard guard(mutex_);
  auto found = records_.find(who);
  if (found == records_.end()) {
    if (records_.size() >= max_addresses) {
      auto oldest = std::min_element(records_.begin(), records_.end(),
                                     [](auto& a, auto& b) { return a.second.next < b.second.next; });
      records_.erase(oldest);
    }
    found = records_.emplace(who, record{}).first;
  }
  auto& r = found->second;
  const auto when = std::max(now, r.next);
  if (when - now > longest_wait) return std::nullopt;
  // As if it were wrong: whoever asks many times at once gains nothing by it.
  r.next = when + std::chrono::seconds(1) * (1U << std::min(r.wrong, most_doublings));
  ++r.wrong;
  return when;
}

void gate::forget(const config::ip_address& who) {
  std::lock_guard guard(mutex_);
  records_.erase(account_of(who));
}

} // namespace plexus::admin
