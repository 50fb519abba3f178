#include "backplane/memory_actors.hpp"

namespace plexus::backplane {

namespace {

bool over(const memory_actors::record& of, milliseconds now) {
  return !of.owned && of.life > milliseconds{0} && of.lives_until <= now;
}

} // namespace

const memory_actors::record& memory_actors::claim(const std::string& channel, milliseconds now) {
  auto& of = kept_[channel];
  if (over(of, now)) of = {};
  of.owned = true;
  of.wanted_at = milliseconds{0};
  return of;
}

bool memory_actors::fits(const std::string& channel, const actor_write& what) const {
  if (what.how == actor_write::mode::nothing) return true;
  const auto found = kept_.find(channel);
  return what.sequence == (found == kept_.end() ? 0 : found->second.sequence) + 1;
}

void memory_actors::write(const std::string& channel, const actor_write& what, milliseconds now) {
  using mode = actor_write::mode;
  auto& of = kept_[channel];
  if (what.how != mode::nothing) of.sequence = what.sequence;
  if (what.how == mode::add) {
    of.log.push_back(what.facts);
  } else if (what.how == mode::snapshot) {
    of.snapshot = what.facts;
    of.log.clear();
  }
  of.life = what.life;
  of.lives_until = now + what.life;
  if (what.release) {
    of.owned = what.wanted.has_value();
    of.wanted_at = now + what.wanted.value_or(milliseconds{0});
  }
  const bool nothing = of.sequence == 0 || what.how == mode::drop;
  if (nothing && what.release) {
    kept_.erase(channel);
  } else if (what.how == mode::drop) {
    of.snapshot.clear();
    of.log.clear();
  }
}

std::vector<std::string> memory_actors::owned(milliseconds now) const {
  std::vector<std::string> out;
  for (const auto& [channel, of] : kept_)
    if (of.owned && of.wanted_at <= now && of.sequence > 0) out.push_back(channel);
  return out;
}

void memory_actors::expire(milliseconds now) {
  std::erase_if(kept_, [now](const auto& each) { return over(each.second, now); });
}

} // namespace plexus::backplane
