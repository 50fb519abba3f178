// Channels with an actor of a plugin: it is asked before a client joins and before anything is published.

#include "actors/channel/channel.hpp"

namespace plexus::channel {

using extension::command;
using protocol::error_code;

namespace {

member to_member(const protocol::client_info& who) {
  return {who.client, who.user, who.conn_info, {}};
}

/// The nearest of the table, for those who understand no others.
error_code nearest(std::uint16_t code) {
  return code >= 100 && code <= 113 ? static_cast<error_code>(code) : error_code::permission_denied;
}

} // namespace

// From now on what is emitted is kept for the client. What the actor says of its state is as of somewhere in
// between: the answer says where, and what came after that follows.
void channel::ask_to_join(subscribe m) {
  command c;
  c.what = command::kind::subscribe;
  c.who = to_member(m.who);
  c.channel_info = m.who.channel_info;
  c.data = m.data;
  joining_.push_back({std::move(m), {}, true, false, {}, top_});
  const auto who = std::prev(joining_.end());
  port_.ask_actor(std::move(c), [weak = weak_from_this(), who, client = who->request.who.client](const auto& what) {
    auto self = weak.lock();
    if (!self) return;
    for (auto i = self->joining_.begin(); i != self->joining_.end(); ++i)
      if (i == who && i->request.who.client == client) {
        self->on_admitted(i, what);
        return;
      }
  });
}

void channel::on_admitted(std::list<joiner>::iterator who, const extension::delivered& what) {
  if (what.what.code != 0) {
    auto m = std::move(who->request);
    joining_.erase(who);
    if (m.refused)
      m.refused(what.what.code, what.what.message);
    else
      m.done(nearest(what.what.code));
    check_idle();
    return;
  }
  who->admitted = true;
  who->data = what.what.data;
  const auto& m = who->request;
  const auto offered = options_.has_history() ? options_.recover : config::offer::no;
  if (offered != config::offer::no && m.wants_recovery && m.since) {
    recover(who);
    return;
  }
  // The publications that the answer speaks of come before it, but for holes.
  const bool behind = !what.at.epoch.empty() && (what.at.epoch != top_.epoch || what.at.offset > top_.offset);
  if (behind && options_.has_history()) {
    who->request.since = what.at;
    recover(who);
    return;
  }
  join_admitted(who, what.at);
}

void channel::join_admitted(std::list<joiner>::iterator who, const protocol::position& heard) {
  auto m = std::move(who->request);
  auto meanwhile = std::move(who->meanwhile);
  const auto began = who->began;
  subscribed result;
  result.data = std::move(who->data);
  joining_.erase(who);
  const auto offered = options_.has_history() ? options_.recover : config::offer::no;
  result.recoverable = offered == config::offer::always || (offered == config::offer::asked && m.wants_position);
  result.positioned = result.recoverable;
  result.was_recovering = m.wants_recovery;
  result.kind = kind_of(m);
  // Known to the actor's reply: up to `heard`, or, where that isn't known, up to when it was asked.
  const auto known = heard.epoch.empty() ? began.offset : heard.offset;
  if (result.positioned) result.at = {top_.epoch, std::min(known, top_.offset)};
  for (auto& p : meanwhile)
    if (p->offset == 0 || p->offset > known) result.publications.push_back(std::move(p));
  enter(m, std::move(result));
}

void channel::tell_gone(const protocol::client_info& who, bool clean, plexus::end_reason why) {
  command c;
  c.what = command::kind::unsubscribe;
  c.who = to_member(who);
  c.clean = clean;
  c.why = why;
  ++under_way_;
  port_.ask_actor(std::move(c), [weak = weak_from_this()](const auto&) {
    if (auto self = weak.lock()) {
      --self->under_way_;
      self->check_idle();
    }
  });
}

void channel::publish_by_actor(publish m) {
  command c;
  c.what = command::kind::publish;
  if (m.what.info) {
    c.who = to_member(*m.what.info);
    c.channel_info = m.what.info->channel_info;
  }
  c.data = std::move(m.what.data);
  c.binary = m.what.binary;
  c.tags = std::move(m.what.tags);
  c.skip_history = m.what.skip_history;
  c.key = m.what.idempotency_key;
  port_.ask_actor(std::move(c), [weak = weak_from_this(), done = std::move(m.done),
                                 refused = std::move(m.refused)](const extension::delivered& what) {
    if (what.what.code == 0)
      done(backplane::appended{what.at, false, nullptr});
    else if (refused)
      refused(what.what.code, what.what.message);
    else
      done(nearest(what.what.code));
    if (auto self = weak.lock()) {
      --self->under_way_;
      self->check_idle();
    }
  });
}

} // namespace plexus::channel
