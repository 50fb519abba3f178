#include "actors/extension/attempt.hpp"

#include <algorithm>

namespace plexus::extension {

namespace {

extension::answer too_large() {
  return {106, "limit exceeded", {}, false, false};
}

} // namespace

instance::instance(std::string channel, make_actor make, const limits& most, monitor& told) :
    channel_(std::move(channel)), make_(make), most_(most), told_(told) {}

instance::~instance() = default;

std::string instance::user_of(const member& who) {
  // An anonymous client is a user of its own; no user name begins with a zero byte.
  return who.user.empty() ? std::string(1, '\0') + who.client : who.user;
}

// -- one handler, all or nothing

// False when the state is too large now; `out` says so.
bool instance::keep_state(extension::answer& out) {
  if (out.data.size() + out.message.size() > most_.max_answer) {
    told_.failed("answer", "an answer is larger than what one node sends another");
    out = too_large();
    return false;
  }
  const auto beyond = [&] {
    told_.failed("state", "the state is larger than max_actor_state");
    out = too_large();
    return false;
  };
  if (object_->logs_changes()) {
    std::size_t more = 0;
    for (const auto& each : staged_.changes) more += each.size();
    if (more == 0) return true;
    if (base_.size() + changes_size_ + more <= most_.max_state) return true;
    auto bytes = state_now();
    if (bytes.size() > most_.max_state) return beyond();
    base_ = std::move(bytes);
    changes_.clear();
    changes_size_ = 0;
    staged_.changes.clear();
    snapshot_ = true;
    return true;
  }
  auto bytes = state_now();
  if (bytes.size() > most_.max_state) return beyond();
  if (bytes != base_ || !known_) {
    base_ = std::move(bytes);
    state_changed_ = true;
    known_ = true;
  }
  return true;
}

void instance::undo() {
  if (const auto& e = staged_.entered) {
    leave(e->who.client);
    if (e->before) enter(*e->before);
  }
  staged_ = {};
  try {
    rebuild();
  } catch (const std::exception& e) {
    told_.failed("loaded", e.what());
    broken_ = true;
  } catch (...) {
    told_.failed("loaded", "something that is no std::exception");
    broken_ = true;
  }
}

void instance::keep_staged() {
  auto& s = staged_;
  if (s.entered) {
    const auto& who = s.entered->who;
    if (s.entered->back) {
      fact('B', user_of(who));
      away_.erase(user_of(who));
    }
    fact('J', who.client, who.user, who.info, who.node);
    known_ = true;
  }
  for (auto& each : s.changes) {
    fact('C', each);
    changes_size_ += each.size();
    changes_.push_back(std::move(each));
    known_ = true;
  }
  for (auto& [name, what] : s.timers) {
    if (what) {
      fact('T', name, what->due, what->every);
      timers_[name] = *what;
    } else if (timers_.erase(name) > 0) {
      fact('t', name);
    }
  }
  const auto move_all = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  for (const auto& each : s.removals) {
    going_.insert_or_assign(each.who.client, each.code);
    fact('G', each.who.client, each.code);
  }
  move_all(s.publications, next_.publications);
  move_all(s.removals, next_.removals);
  move_all(s.presences, next_.presences);
  move_all(s.asides, next_.asides);
  for (const auto& [ticket, what] : s.answers) answer_put_off(ticket, what);
  next_.finished = next_.finished || s.finish;
  staged_ = {};
}

std::unique_ptr<channel_actor> instance::made_again() const {
  auto fresh = make_();
  if (known_ || !base_.empty()) {
    state_reader from(base_);
    fresh->load(from);
    if (!from.at_end()) throw bad_state("the saved state has more than the class reads: it is of a newer version");
  }
  for (const auto& each : changes_) fresh->apply(each);
  return fresh;
}

void instance::rebuild() {
  object_ = made_again();
  object_->bind(this);
  object_->loaded();
}

std::string instance::state_now() const {
  std::string bytes;
  state_writer to(bytes);
  object_->save(to);
  return bytes;
}

std::string instance::state_rebuilt() const {
  const auto other = made_again();
  std::string bytes;
  state_writer to(bytes);
  other->save(to);
  return bytes;
}

// -- commands

void instance::start(start_reason why, time_point now) {
  if (!object_) rebuild();
  left_.reset();
  // Times of an interval that were missed are left out.
  for (auto& [name, t] : timers_)
    if (t.every > milliseconds{0} && t.due <= now) t.due += t.every * ((now - t.due) / t.every + 1);
  for (auto& [of, record] : origins_) record.heard = now;
  // Whoever had the actor may have died before it said so to the members' nodes.
  for (const auto& [client, code] : going_)
    if (const auto who = members_.find(client); who != members_.end())
      next_.removals.push_back({who->second, code});
  attempt("on_start", now, [&](extension::answer&) { object_->on_start(why); });
}

void instance::stop(stop_reason why, time_point now) {
  attempt("on_stop", now, [&](extension::answer&) { object_->on_stop(why); });
}

// -- time

std::optional<time_point> instance::next_due() const {
  std::optional<time_point> first;
  const auto consider = [&first](time_point t) {
    if (!first || t < *first) first = t;
  };
  for (const auto& [name, each] : timers_) consider(each.due);
  for (const auto& [user, each] : away_) consider(each.until);
  return first;
}

void instance::fire(time_point now) {
  if (finished()) return;
  std::vector<std::pair<time_point, std::string>> due;
  for (const auto& [name, each] : timers_)
    if (each.due <= now) due.emplace_back(each.due, name);
  std::sort(due.begin(), due.end());
  for (const auto& [when, name] : due) {
    if (finished()) return;
    const auto found = timers_.find(name);
    if (found == timers_.end() || found->second.due != when) continue; // another one's handler changed it
    if (auto& t = found->second; t.every > milliseconds{0}) {
      // No fact: a rebuilt one is in the same step, and what was missed is left out.
      t.due += t.every * ((now - t.due) / t.every + 1);
    } else {
      timers_.erase(found);
      fact('t', name);
    }
    attempt("on_timer", now, [&, &timer = name](extension::answer&) { object_->on_timer(timer); });
  }
  std::vector<member> gone;
  for (auto i = away_.begin(); i != away_.end();) {
    if (i->second.until > now) {
      ++i;
      continue;
    }
    fact('B', i->first);
    gone.push_back(std::move(i->second.who));
    i = away_.erase(i);
  }
  for (const auto& who : gone) attempt("on_leave", now, [&](extension::answer&) { object_->on_leave(who); });
}

} // namespace plexus::extension
