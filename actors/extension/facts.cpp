// What of an instance is kept, as bytes: a letter for each fact, and its values.
//
//   S state   C change   J member is in   L member is out   A user is away   B user is back or has left
//   Q it was left, and why; only at the end
//   T timer is set   t timer is gone   R answer of a command   O what an origin has acknowledged
//   K answer of a key   k it is no more   W a call that waits for a key's answer   G a member was removed and will
//   go

#include "actors/extension/instance.hpp"

#include <algorithm>

namespace plexus::extension {

namespace {
constexpr std::size_t least_snapshot = 16'384;
} // namespace

bool instance::has_work() const noexcept {
  return !facts_.empty() || state_changed_ || !next_.empty();
}

commit instance::take() {
  if (state_changed_) fact('S', base_);
  state_changed_ = false;
  auto out = std::exchange(next_, {});
  if (out.finished) {
    over_ = true;
    facts_.clear();
    write_answers();
    out.facts = std::exchange(facts_, {});
    out.snapshot = true;
    return out;
  }
  if (facts_.empty() && !snapshot_) return out;
  // So that a rebuild never reads more than about twice what there is.
  if (snapshot_ || log_size_ + facts_.size() > std::max(least_snapshot, snapshot_size_)) {
    out.snapshot = true;
    write_all(out.facts);
    snapshot_size_ = out.facts.size();
    log_size_ = 0;
    facts_.clear();
    snapshot_ = false;
    return out;
  }
  log_size_ += facts_.size();
  out.facts = std::exchange(facts_, {});
  return out;
}

void instance::write_all(std::string& to) {
  if (object_ && object_->logs_changes() && !changes_.empty()) {
    base_ = state_now();
    changes_.clear();
    changes_size_ = 0;
  }
  std::swap(facts_, to);
  facts_.clear();
  if (known_) fact('S', base_);
  for (const auto& [client, who] : members_) fact('J', who.client, who.user, who.info, who.node);
  for (const auto& [user, gone] : away_)
    fact('A', user, gone.who.client, gone.who.user, gone.who.info, gone.who.node, gone.until);
  for (const auto& [name, each] : timers_) fact('T', name, each.due, each.every);
  for (const auto& [client, code] : going_) fact('G', client, code);
  write_answers();
  if (left_) fact('Q', *left_);
  std::swap(facts_, to);
}

void instance::write_answers() {
  // Those of nodes that are gone: nobody asks for them.
  std::erase_if(origins_, [this](const auto& each) { return each.second.heard + most_.answer_life < now_; });
  for (const auto& [of, record] : origins_) {
    if (record.answers.empty()) continue;
    fact('O', of, record.acked);
    for (const auto& [number, what] : record.answers) fact('R', of, number, what);
  }
  for (const auto& [until, key] : key_ends_) {
    const auto found = keys_.find(key);
    if (found == keys_.end() || found->second.until != until) continue;
    fact('K', key, until, found->second.what);
    for (const auto& [origin, number] : found->second.waiting) fact('W', key, origin, number);
  }
}

start_reason instance::how_it_was_left() const noexcept {
  if (!known_) return start_reason::first;
  if (!left_) return start_reason::rescued;
  return *left_ == stop_reason::moved ? start_reason::moved : start_reason::again;
}

void instance::restore(std::string_view snapshot, const std::vector<std::string>& log) {
  read_facts(snapshot);
  snapshot_size_ = snapshot.size();
  for (const auto& each : log) {
    read_facts(each);
    log_size_ += each.size();
  }
  rebuild();
}

void instance::read_facts(std::string_view facts) {
  state_reader from(facts);
  while (!from.at_end()) {
    char kind = 0;
    from.letter(kind);
    left_.reset();
    switch (kind) {
    case 'S':
      from(base_);
      changes_.clear();
      changes_size_ = 0;
      known_ = true;
      break;
    case 'Q': {
      auto why = stop_reason::idle;
      from(why);
      left_ = why;
      break;
    }
    case 'C': {
      std::string change;
      from(change);
      changes_size_ += change.size();
      changes_.push_back(std::move(change));
      known_ = true;
      break;
    }
    case 'J': {
      member who;
      from(who.client, who.user, who.info, who.node);
      enter(who);
      known_ = true;
      break;
    }
    case 'L': {
      std::string client;
      from(client);
      leave(client);
      break;
    }
    case 'A': {
      std::string user;
      absent gone;
      from(user, gone.who.client, gone.who.user, gone.who.info, gone.who.node, gone.until);
      away_.insert_or_assign(std::move(user), std::move(gone));
      break;
    }
    case 'B': {
      std::string user;
      from(user);
      away_.erase(user);
      break;
    }
    case 'T': {
      std::string name;
      timer t;
      from(name, t.due, t.every);
      timers_[name] = t;
      break;
    }
    case 't': {
      std::string name;
      from(name);
      timers_.erase(name);
      break;
    }
    case 'R': {
      std::string origin;
      std::uint64_t number = 0;
      extension::answer what;
      from(origin, number, what);
      origins_[origin].answers.insert_or_assign(number, std::move(what));
      break;
    }
    case 'O': {
      std::string origin;
      std::uint64_t acked = 0;
      from(origin, acked);
      origins_[origin].acked = acked;
      break;
    }
    case 'K': {
      std::string key;
      key_record r;
      from(key, r.until, r.what);
      keep_key(key, std::move(r));
      break;
    }
    case 'k': {
      std::string key;
      from(key);
      drop_key(key);
      break;
    }
    case 'W': {
      std::string key;
      asker by;
      from(key, by);
      put_off(key, by);
      break;
    }
    case 'G': {
      std::string client;
      std::uint16_t code = 0;
      from(client, code);
      going_.insert_or_assign(std::move(client), code);
      break;
    }
    default:
      throw bad_state("what was kept of the actor makes no sense");
    }
  }
}

} // namespace plexus::extension
