#include "presence/member_set.hpp"

#include <utility>

namespace plexus::presence {

using kind = presence_change::kind;

std::vector<presence_change> member_set::reset(presence_snapshot to) {
  std::vector<presence_change> changes;
  if (!known_ || to.epoch != epoch_ || to.version > version_) {
    container next;
    next.reserve(to.members.size());
    for (auto& each : to.members) next.insert(std::move(each));

    for (const auto& old : members_) {
      if (!next.contains(old)) changes.push_back({kind::left, old, to.version, to.epoch});
    }
    users_.clear();
    for (const auto& now : next) {
      const auto old = members_.find(now);
      if (old == members_.end())
        changes.push_back({kind::joined, now, to.version, to.epoch});
      else if (*old != now)
        changes.push_back({kind::updated, now, to.version, to.epoch});
      count(now.user);
    }
    members_ = std::move(next);
    epoch_ = std::move(to.epoch);
    version_ = to.version;
    known_ = true;
  }
  behind_ = missed_ != 0 && (missed_epoch_ != epoch_ || missed_ > version_);
  // Whatever was missed happened before the next snapshot is asked for, so that one has it.
  missed_ = 0;
  return changes;
}

member_set::applied member_set::apply(const presence_change& change) {
  const bool same = known_ && change.epoch == epoch_;
  if (same && change.version <= version_) return applied::old;
  if (!same || change.version != version_ + 1 || change.what == kind::none) {
    missed_epoch_ = change.epoch;
    missed_ = change.version;
    return applied::gap;
  }
  if (change.what == kind::left)
    drop(change.member.client);
  else
    put(change.member);
  version_ = change.version;
  return applied::yes;
}

const client_info* member_set::find(std::string_view client) const {
  const auto at = members_.find(client);
  return at == members_.end() ? nullptr : &*at;
}

void member_set::put(const client_info& who) {
  drop(who.client);
  members_.insert(who);
  count(who.user);
}

void member_set::drop(std::string_view client) {
  const auto at = members_.find(client);
  if (at == members_.end()) return;
  discount(at->user);
  members_.erase(at);
}

void member_set::count(const std::string& user) {
  ++users_[user];
}

void member_set::discount(const std::string& user) {
  const auto at = users_.find(user);
  if (--at->second == 0) users_.erase(at);
}

} // namespace plexus::presence
