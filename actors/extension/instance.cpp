#include "actors/extension/instance.hpp"

#include <algorithm>

namespace plexus::extension {

namespace {

std::string ticket_of(std::string_view origin, std::uint64_t number) {
  return std::string(origin) + ":" + std::to_string(number);
}

extension::answer refused(const request& by) {
  return {by.code(), by.message(), {}, false, false};
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

template <class Work>
extension::answer instance::attempt(std::string_view handler, time_point now, Work&& work) {
  now_ = now;
  staged_ = {};
  extension::answer out;
  const auto began = std::chrono::steady_clock::now();
  std::optional<extension::answer> failed;
  running_ = true;
  try {
    work(out);
    running_ = false;
    if (!keep_state(out)) failed = out;
  } catch (const refusal& no) {
    failed = extension::answer{allowed_code(no.code()), no.what(), {}, false, false};
  } catch (const std::exception& e) {
    told_.failed(handler, e.what());
    failed = extension::answer{100, "internal server error", {}, false, false};
  } catch (...) {
    told_.failed(handler, "something that is no std::exception");
    failed = extension::answer{100, "internal server error", {}, false, false};
  }
  running_ = false;
  if (failed) {
    staged_ = {};
    rebuild();
  } else {
    keep_staged();
  }
  told_.handled(handler, std::chrono::steady_clock::now() - began);
  return failed ? *std::move(failed) : out;
}

// False when the state is too large now; `out` says so.
bool instance::keep_state(extension::answer& out) {
  const auto too_large = [&] {
    told_.failed("state", "the state is larger than max_actor_state");
    out = {106, "limit exceeded", {}, false, false};
    return false;
  };
  if (object_->logs_changes()) {
    std::size_t more = 0;
    for (const auto& each : staged_.changes) more += each.size();
    if (more == 0) return true;
    if (base_.size() + changes_size_ + more <= most_.max_state) return true;
    auto bytes = state_now();
    if (bytes.size() > most_.max_state) return too_large();
    base_ = std::move(bytes);
    changes_.clear();
    changes_size_ = 0;
    staged_.changes.clear();
    snapshot_ = true;
    return true;
  }
  auto bytes = state_now();
  if (bytes.size() > most_.max_state) return too_large();
  if (bytes != base_ || !known_) {
    base_ = std::move(bytes);
    state_changed_ = true;
    known_ = true;
  }
  return true;
}

void instance::keep_staged() {
  auto& s = staged_;
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
  move_all(s.publications, next_.publications);
  move_all(s.removals, next_.removals);
  move_all(s.presences, next_.presences);
  move_all(s.asides, next_.asides);
  for (auto& [ticket, what] : s.answers) {
    const auto to = read_ticket(ticket);
    if (!to) continue;
    const auto of = origins_.find(to->first);
    // The caller was told that it failed, or has gone: nobody waits.
    if (of == origins_.end()) continue;
    const auto found = of->second.answers.find(to->second);
    if (found == of->second.answers.end() || !found->second.later) continue;
    found->second = what;
    fact('R', of->first, to->second, what);
    next_.replies.push_back({of->first, to->second, what, next_.publications.size()});
  }
  next_.finished = next_.finished || s.finish;
  staged_ = {};
}

std::unique_ptr<channel_actor> instance::made_again() const {
  auto fresh = make_();
  if (known_ || !base_.empty()) {
    state_reader from(base_);
    fresh->load(from);
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
  attempt("on_start", now, [&](extension::answer&) { object_->on_start(why); });
}

void instance::stop(stop_reason why, time_point now) {
  attempt("on_stop", now, [&](extension::answer&) { object_->on_stop(why); });
}

bool instance::seen(const command& what) {
  if (what.number == 0) return false;
  auto& of = origins_[what.origin];
  if (what.acked > of.acked) {
    of.acked = what.acked;
    of.answers.erase(of.answers.begin(), of.answers.upper_bound(what.acked));
  }
  if (what.number <= of.acked) return true; // answered long ago: a straggler
  const auto found = of.answers.find(what.number);
  if (found == of.answers.end()) return false;
  next_.replies.push_back({what.origin, what.number, found->second, next_.publications.size()});
  return true;
}

void instance::settle(const command& what, extension::answer out, std::size_t before, time_point now) {
  if (what.number == 0) return;
  if (!what.key.empty() && out.code != 100 && !out.later) {
    forget_keys(now);
    const auto until = now + most_.key_life;
    if (keys_.insert_or_assign(what.key, key_record{out, until}).second) key_ends_.emplace_back(until, what.key);
    fact('K', what.key, until, out);
  }
  origins_[what.origin].answers.insert_or_assign(what.number, out);
  fact('R', what.origin, what.number, out);
  next_.replies.push_back({what.origin, what.number, std::move(out), before});
}

void instance::forget_keys(time_point now) {
  while (!key_ends_.empty() && (key_ends_.front().first <= now || key_ends_.size() >= most_.max_keys)) {
    keys_.erase(key_ends_.front().second);
    key_ends_.pop_front();
  }
}

void instance::run(const command& what, time_point now) {
  if (seen(what)) return;
  if (!what.key.empty()) {
    forget_keys(now);
    if (const auto known = keys_.find(what.key); known != keys_.end()) {
      auto first = known->second.what;
      origins_[what.origin].answers.insert_or_assign(what.number, first);
      fact('R', what.origin, what.number, first);
      const bool published = first.published;
      next_.replies.push_back({what.origin, what.number, std::move(first), next_.publications.size(),
                               published ? what.key : std::string()});
      return;
    }
  }
  using kind = command::kind;
  const auto before = next_.publications.size();
  extension::answer out;
  switch (what.what) {
  case kind::subscribe:
  case kind::found:
    out = attempt(what.what == kind::found ? "on_join" : "on_subscribe", now,
                  [&](extension::answer& good) { subscribe(what, good); });
    break;
  case kind::unsubscribe:
    unsubscribe(what, now);
    break;
  case kind::publish:
    out = attempt("on_publication", now, [&](extension::answer& good) { publication(what, good); });
    break;
  case kind::call:
    out = attempt("on_call", now, [&](extension::answer& good) { call_rpc(what, good); });
    break;
  case kind::aside:
    out = attempt("on_aside", now, [&](extension::answer&) {
      object_->on_aside(what.verb, aside_result{what.data, what.message});
    });
    break;
  }
  settle(what, std::move(out), before, now);
}

void instance::enter(const member& who) {
  if (members_.insert_or_assign(who.client, who).second) ++users_[user_of(who)];
}

bool instance::leave(std::string_view client) {
  const auto found = members_.find(client);
  if (found == members_.end()) return false;
  const auto user = users_.find(user_of(found->second));
  members_.erase(found);
  if (user == users_.end() || --user->second > 0) return false;
  users_.erase(user);
  return true;
}

void instance::subscribe(const command& what, extension::answer& out) {
  const auto known = members_.find(what.who.client);
  const bool again = known != members_.end();
  if (what.what == command::kind::subscribe) {
    subscribing s(what.who);
    object_->on_subscribe(s);
    if (s.refused()) {
      out = refused(s);
      return;
    }
    out.data = s.answer();
  }
  if (again && known->second.node == what.who.node) return;
  const bool first = !users_.contains(user_of(what.who));
  enter(what.who);
  const auto back = away_.find(user_of(what.who));
  try {
    if (first && back == away_.end()) object_->on_join(what.who);
  } catch (...) {
    leave(what.who.client);
    throw;
  }
  if (back != away_.end()) {
    fact('B', back->first);
    away_.erase(back);
  }
  fact('J', what.who.client, what.who.user, what.who.info, what.who.node);
  known_ = true;
}

// That somebody is gone is a fact: a handler that throws can't change it, only what it made of it is undone.
void instance::unsubscribe(const command& what, time_point now) {
  const auto found = members_.find(what.who.client);
  if (found == members_.end()) return;
  // The subscription at another node by now.
  if (!what.who.node.empty() && found->second.node != what.who.node) return;
  const auto who = found->second;
  const bool last = leave(who.client);
  fact('L', who.client);
  attempt("on_unsubscribe", now, [&](extension::answer&) { object_->on_unsubscribe(who, what.why); });
  if (!last) return;
  if (!what.clean && most_.grace > milliseconds{0}) {
    const auto until = now + most_.grace;
    away_.insert_or_assign(user_of(who), absent{who, until});
    fact('A', user_of(who), who.client, who.user, who.info, who.node, until);
    return;
  }
  attempt("on_leave", now, [&](extension::answer&) { object_->on_leave(who); });
}

void instance::publication(const command& what, extension::answer& out) {
  publishing p(what.who.client.empty() ? nullptr : &what.who, what.data);
  // Its place is in front of what the handler publishes.
  staged_.publications.emplace_back();
  object_->on_publication(p);
  if (p.refused()) {
    out = refused(p);
  } else if (!p.taken_over()) {
    auto& own = staged_.publications.front();
    own.binary = what.binary && p.data == what.data;
    own.data = std::move(p.data);
    if (!what.who.client.empty()) own.from = what.who;
    own.channel_info = what.channel_info;
    own.tags = what.tags;
    own.keep = !what.skip_history;
    own.key = what.key;
    out.published = true;
    return;
  }
  staged_.publications.erase(staged_.publications.begin());
}

void instance::call_rpc(const command& what, extension::answer& out) {
  const auto ticket = ticket_of(what.origin, what.number);
  call c(what.who, what.verb, what.data, ticket);
  object_->on_call(c);
  if (c.refused())
    out = refused(c);
  else if (c.later())
    out.later = true;
  else
    out.data = c.answer();
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
  std::vector<std::pair<time_point, std::string>> due;
  for (const auto& [name, each] : timers_)
    if (each.due <= now) due.emplace_back(each.due, name);
  std::sort(due.begin(), due.end());
  for (const auto& [when, name] : due) {
    const auto found = timers_.find(name);
    if (found == timers_.end() || found->second.due != when) continue; // another one's handler changed it
    if (auto& t = found->second; t.every > milliseconds{0}) {
      // No fact: a rebuilt one is in the same step, and what was missed is left out.
      t.due += t.every * ((now - t.due) / t.every + 1);
    } else {
      timers_.erase(found);
      fact('t', name);
    }
    attempt("on_timer", now, [&](extension::answer&) { object_->on_timer(name); });
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
