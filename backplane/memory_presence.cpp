#include "backplane/memory_presence.hpp"

#include <string_view>

namespace plexus::backplane {

using kind = presence_change::kind;

presence_change memory_presence::enter(client_info who, const memory_node* through) {
  const auto at = members_.find(std::string_view{who.client});
  if (at == members_.end()) {
    members_.insert(member{who, through});
    return {kind::joined, std::move(who), ++version_, {}};
  }
  const bool equal = at->info == who;
  auto held = members_.extract(at); // a set's elements are constant in place
  held.value() = member{who, through};
  members_.insert(std::move(held));
  if (equal) return {kind::none, std::move(who), version_, {}};
  return {kind::updated, std::move(who), ++version_, {}};
}

presence_change memory_presence::leave(const std::string& client) {
  const auto at = members_.find(std::string_view{client});
  if (at == members_.end()) return {kind::none, {}, version_, {}};
  auto held = members_.extract(at);
  return {kind::left, std::move(held.value().info), ++version_, {}};
}

std::vector<presence_change> memory_presence::leave_all(const memory_node* through) {
  std::vector<presence_change> changes;
  for (auto at = members_.begin(); at != members_.end();) {
    if (at->through != through) {
      ++at;
      continue;
    }
    changes.push_back({kind::left, at->info, ++version_, {}});
    at = members_.erase(at);
  }
  return changes;
}

presence_snapshot memory_presence::snapshot() const {
  presence_snapshot all{version_, {}, {}};
  all.members.reserve(members_.size());
  for (const auto& each : members_) all.members.push_back(each.info);
  return all;
}

} // namespace plexus::backplane
