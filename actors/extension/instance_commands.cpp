// What an instance does with commands, and how it knows those that it had before.

#include "actors/extension/attempt.hpp"

#include <algorithm>

namespace plexus::extension {

namespace {

/// Bytes of a subscribe's reply that are kept until its node has it.
constexpr std::size_t most_kept_picture = 16'384;

extension::answer refused(const request& by) {
  return {by.code(), by.message(), {}, false, false};
}

/// What the store keeps a publication's place under. A client isn't told where its publication is.
std::string key_of(const command& what) {
  if (!what.key.empty() || !what.who.client.empty()) return what.key;
  return ticket_of(what.origin, what.number);
}

} // namespace

instance::seen_as instance::seen(const command& what, time_point now) {
  if (what.number == 0) return seen_as::never;
  auto& of = origins_[what.origin];
  of.heard = now;
  if (what.acked > of.acked) {
    of.acked = what.acked;
    of.answers.erase(of.answers.begin(), of.answers.upper_bound(what.acked));
  }
  if (what.number <= of.acked) return seen_as::straggler;
  const auto found = of.answers.find(what.number);
  if (found == of.answers.end()) return seen_as::never;
  auto first = found->second.anew ? said_anew(what, now) : found->second;
  // Its publication is in a commit before this one.
  auto key = first.published ? key_of(what) : std::string();
  if (key.empty()) first.published = false;
  next_.replies.push_back({what.origin, what.number, std::move(first), next_.publications.size(), std::move(key)});
  return seen_as::answered;
}

// What a member is shown now; that it came was done before, so nothing else of it happens.
extension::answer instance::said_anew(const command& what, time_point now) {
  extension::answer out;
  attempt("on_subscribe", now, [&](extension::answer&) {
    subscribing s(what.who);
    object_->on_subscribe(s);
    if (s.refused())
      out = refused(s);
    else
      out.data = s.answer();
    throw refusal(100, {}); // undoes it
  });
  if (out.code == 0 && !out.data.empty()) return out;
  auto gone = what;
  gone.what = command::kind::unsubscribe;
  unsubscribe(gone, now);
  return out.code == 0 ? extension::answer{100, "internal server error", {}, false, false} : out;
}

void instance::settle(const command& what, extension::answer out, std::size_t before, time_point now) {
  if (what.number == 0) return;
  if (!what.key.empty() && out.code != 100) {
    const auto until = now + most_.key_life;
    keep_key(what.key, {out, until});
    fact('K', what.key, until, out);
    if (out.later) {
      put_off(what.key, {what.origin, what.number});
      fact('W', what.key, what.origin, what.number);
    }
    forget_keys(now);
  }
  auto& kept = origins_[what.origin].answers.insert_or_assign(what.number, out).first->second;
  // Many who come at once are shown the whole state each: that would be written as often.
  if (what.what == command::kind::subscribe && out.data.size() > most_kept_picture) {
    kept.data.clear();
    kept.data.shrink_to_fit();
    kept.anew = true;
  }
  fact('R', what.origin, what.number, kept);
  next_.replies.push_back({what.origin, what.number, std::move(out), before});
}

// -- keys of clients

void instance::keep_key(const std::string& key, key_record what) {
  if (const auto known = keys_.find(key); known != keys_.end()) {
    keys_size_ -= key.size() + known->second.size();
    if (const auto& w = known->second.waiting; !w.empty())
      put_off_.erase(ticket_of(w.front().first, w.front().second));
  } else {
    key_ends_.emplace_back(what.until, key);
  }
  keys_size_ += key.size() + what.size();
  keys_.insert_or_assign(key, std::move(what));
}

void instance::drop_key(const std::string& key) {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return;
  keys_size_ -= key.size() + found->second.size();
  if (const auto& w = found->second.waiting; !w.empty())
    put_off_.erase(ticket_of(w.front().first, w.front().second));
  keys_.erase(found);
}

void instance::put_off(const std::string& key, const asker& by) {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return;
  auto& waiting = found->second.waiting;
  if (waiting.empty())
    put_off_.insert_or_assign(ticket_of(by.first, by.second), key);
  else // the ticket stays, those who gave up don't
    waiting.erase(std::remove_if(waiting.begin() + 1, waiting.end(),
                                 [this](const asker& each) {
                                   const auto of = origins_.find(each.first);
                                   return of == origins_.end() || !of->second.answers.contains(each.second);
                                 }),
                  waiting.end());
  waiting.push_back(by);
}

void instance::forget_keys(time_point now) {
  while (!key_ends_.empty() && (key_ends_.front().first <= now || keys_size_ > most_.max_key_bytes)) {
    const auto [until, key] = std::move(key_ends_.front());
    key_ends_.pop_front();
    const auto found = keys_.find(key);
    if (found == keys_.end() || found->second.until != until) continue;
    if (until > now) told_.forgot_key();
    drop_key(key);
  }
}

// To all who wait for it: the call itself, and those that repeated it with its key.
void instance::answer_put_off(const std::string& ticket, const extension::answer& what) {
  std::vector<asker> waiting;
  if (const auto found = put_off_.find(ticket); found != put_off_.end()) {
    const auto key = found->second;
    auto& record = keys_.at(key);
    waiting = record.waiting;
    const auto until = record.until;
    if (what.code == 100) {
      drop_key(key);
      fact('k', key);
    } else {
      keep_key(key, {what, until});
      fact('K', key, until, what);
    }
  } else if (const auto to = read_ticket(ticket)) {
    waiting.emplace_back(to->first, to->second);
  }
  for (const auto& [origin, number] : waiting) {
    const auto of = origins_.find(origin);
    // The caller was told that it failed, or has gone: nobody waits.
    if (of == origins_.end()) continue;
    const auto found = of->second.answers.find(number);
    if (found == of->second.answers.end() || !found->second.later) continue;
    found->second = what;
    fact('R', origin, number, what);
    next_.replies.push_back({origin, number, what, next_.publications.size(), {}, true});
  }
}

// -- commands

bool instance::run(const command& what, time_point now) {
  if (finished()) return false;
  if (const auto before = seen(what, now); before != seen_as::never) return before == seen_as::answered;
  if (!what.key.empty()) {
    forget_keys(now);
    if (const auto known = keys_.find(what.key); known != keys_.end()) {
      auto first = known->second.what;
      origins_[what.origin].answers.insert_or_assign(what.number, first);
      fact('R', what.origin, what.number, first);
      if (first.later) {
        put_off(what.key, {what.origin, what.number});
        fact('W', what.key, what.origin, what.number);
      }
      const bool published = first.published;
      next_.replies.push_back({what.origin, what.number, std::move(first), next_.publications.size(),
                               published ? what.key : std::string()});
      return true;
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
  return true;
}

void instance::enter(const member& who) {
  if (members_.insert_or_assign(who.client, who).second) ++users_[user_of(who)];
}

bool instance::leave(std::string_view client) {
  const auto found = members_.find(client);
  if (found == members_.end()) return false;
  const auto user = users_.find(user_of(found->second));
  if (const auto going = going_.find(client); going != going_.end()) going_.erase(going);
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
  entry made{what.who, again ? std::optional(known->second) : std::nullopt, away_.contains(user_of(what.who))};
  enter(what.who);
  const bool joins = first && !made.back;
  staged_.entered = std::move(made);
  if (joins) object_->on_join(what.who);
}

// That somebody is gone is a fact: a handler that throws can't change it, only what it made of it is undone.
void instance::unsubscribe(const command& what, time_point now) {
  const auto found = members_.find(what.who.client);
  if (found == members_.end()) return;
  // The subscription at another node by now.
  if (!what.who.node.empty() && found->second.node != what.who.node) return;
  const auto who = found->second;
  const bool removed = what.why == end_reason::unsubscribed && going_.contains(who.client);
  const auto why = removed ? end_reason::removed : what.why;
  const bool last = leave(who.client);
  fact('L', who.client);
  attempt("on_unsubscribe", now, [&](extension::answer&) { object_->on_unsubscribe(who, why); });
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
    own.key = key_of(what);
    own.own_key = what.key.empty();
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

} // namespace plexus::extension
