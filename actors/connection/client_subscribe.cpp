#include "actors/connection/client_internal.hpp"
#include "actors/runtime/trace.hpp"

namespace plexus::connection {

using protocol::disconnect_code;
using protocol::error_code;

namespace {

// Commands on a channel that may wait for its answer to a subscription, and their bytes on all channels of a client
// together; beyond is error 111. One command may be as large as client.max_message_size allows.
constexpr std::size_t max_commands_behind = 64;
constexpr std::size_t max_bytes_behind = 131'072;

} // namespace

client::subscription* client::find(std::string_view channel) {
  for (auto& s : subs_)
    if (s.channel == channel) return &s;
  return nullptr;
}

bool client::channels_full() const noexcept {
  auto most = env_.settings->client.max_channels;
  return most > 0 && subs_.size() >= most;
}

bool client::accept_sub_token(std::uint32_t id, std::string_view channel, judged_token& verified, moment now,
                              claims& out) {
  if (auto* fault = std::get_if<token_fault>(&verified)) {
    metrics::count_refused(*fault);
    refuse(id, *fault == token_fault::expired     ? error_code::token_expired
               : *fault == token_fault::undecided ? error_code::internal
                                                  : error_code::permission_denied);
    return false;
  }
  out = std::move(std::get<claims>(verified));
  // A good token for something else is a mix-up of identities, not a refusal: the whole connection ends.
  if (out.channel != channel || out.user != user_ || (!out.client.empty() && out.client != id_)) {
    close(disconnect_code::invalid_token);
    return false;
  }
  switch (denied(out, now)) {
  case denial::none:
    return true;
  case denial::blocked: // the whole connection is about to end
    close(disconnect_code::permission_denied);
    return false;
  case denial::revoked:
    break;
  }
  refuse(id, error_code::permission_denied);
  return false;
}

void client::on(std::uint32_t id, const protocol::subscribe_command& c, moment now) {
  auto* options = options_for(id, c.channel);
  if (!options || must_wait(id, c.channel, true)) return;
  if (find(c.channel)) {
    refuse(id, error_code::already_subscribed);
    return;
  }
  if (channels_full()) {
    refuse(id, error_code::limit_exceeded);
    return;
  }
  open_request r;
  if (!c.token.empty()) {
    claims token;
    auto verified = verify(c.token, now);
    if (!accept_sub_token(id, c.channel, verified, now, token)) return;
    r.channel_info = std::move(token.info);
    r.expires_at = token.expires_at.value_or(0);
    r.token = hold(token);
  } else if (!may(action::subscribe, c.channel, *options)) {
    refuse(id, error_code::permission_denied);
    return;
  }
  if (env_.hooks && !subscribe_hook(id, c, r.data)) return;
  r.asked = c.data;
  r.channel = std::string(c.channel);
  r.id = id;
  r.wants_position = c.positioned || c.recoverable || c.recover;
  r.wants_join_leave = c.join_leave;
  r.wants_recovery = c.recover;
  r.wants_delta = c.delta == "fossil";
  r.refuse_unrecoverable = (c.flags & 2) != 0 && c.recoverable;
  if (c.recover) r.since = protocol::position{std::string(c.since.epoch), c.since.offset};
  open(std::move(r), now);
}

void client::open(open_request r, moment now) {
  auto ticket = ++next_ticket_;
  subscription s;
  s.channel = r.channel;
  s.ticket = ticket;
  s.server_side = r.id == 0;
  s.token = std::move(r.token);
  s.expires_at = r.expires_at;
  if (r.expires_at > 0) s.close_at = close_time(r.expires_at, now);
  subs_.push_back(std::move(s));

  channel::subscribe m;
  m.who = {user_, id_, conn_info_, r.channel_info};
  m.data = std::move(r.asked);
  m.loop = env_.home.index();
  m.wants_position = r.wants_position || r.id == 0;
  m.wants_join_leave = r.wants_join_leave || r.id == 0;
  m.wants_recovery = r.wants_recovery;
  m.wants_delta = r.wants_delta;
  m.refuse_unrecoverable = r.refuse_unrecoverable;
  m.since = std::move(r.since);
  if (r.wants_recovery) m.room = room();
  m.max_recovered = env_.settings->client.max_recovered;
  if (m.max_recovered == 0) m.max_recovered = SIZE_MAX;
  const auto to = std::make_shared<subscribe_promise>(subscribe_promise::terms{
      env_.transport, self(), codec_, session_, r.id, ticket, r.expires_at > 0 ? ttl(r.expires_at, now) : 0,
      r.in_connect, r.channel, std::move(r.data)});
  m.done = [to](channel::outcome<channel::subscribed> result) {
    if (result)
      to->open(std::move(*result));
    else
      to->refuse(result.error());
  };
  if (const auto* options = env_.actors ? env_.settings->options_of(r.channel) : nullptr;
      options && !options->actor.empty())
    m.refused = [to](std::uint16_t code, const std::string& why) {
      to->refuse(static_cast<error_code>(code), why);
    };
  env_.channels.tell(r.channel, std::move(m));
}

// Commands on one channel take effect in the order sent, however quickly they come: a page that subscribes,
// unsubscribes and subscribes again in one breath ends up subscribed.
bool client::must_wait(std::uint32_t id, std::string_view channel, bool is_subscribe) {
  auto* s = find(channel);
  if (!s || s->open || (is_subscribe && s->behind.empty())) return false;
  std::size_t bytes = raw_.size();
  for (auto& other : subs_)
    for (auto& text : other.behind) bytes += text.view().size();
  if (s->behind.size() < max_commands_behind && (bytes == raw_.size() || bytes <= max_bytes_behind))
    s->behind.emplace_back(raw_);
  else
    refuse(id, error_code::too_many_requests);
  return true;
}

void client::on_sub_result(sub_result& m, moment now) {
  if (phase_ == phase::closed) return;
  auto* s = find(m.channel);
  if (!s || s->ticket != m.ticket) return;
  if (m.error && runtime::trace::on())
    trace_decision("subscription refused", m.channel, protocol::entry(*m.error).name,
                   static_cast<std::uint64_t>(*m.error));
  auto index = static_cast<std::size_t>(s - subs_.data());
  auto behind = std::move(s->behind);
  if (m.error) {
    subs_.erase(subs_.begin() + static_cast<std::ptrdiff_t>(index));
  } else {
    s->open = true;
    if (env_.hooks) joined_hook(m.channel);
    if (auto code = s->end_when_open) {
      end_subscription(index, true);
      push(m.channel, protocol::unsubscribe_push{*code});
    }
  }
  if (connecting_ && m.in_connect) {
    if (m.reply) connecting_->reply.subs.emplace_back(m.channel, std::move(*m.reply));
    if (m.owed) connecting_->owed.push_back(std::move(m.owed));
    if (m.error && *m.error == error_code::internal) {
      // Without its server-side channels the client would believe that it has them: better it comes again.
      close(disconnect_code::insufficient_state);
      return;
    }
    if (--connecting_->left == 0) finish_connect();
  }
  for (auto& text : behind) handle(text, now, true);
}

void client::end_subscription(std::size_t index, bool clean) {
  auto& s = subs_[index];
  if (env_.hooks && s.open) left_hook(s.channel);
  env_.port.dismiss(session_, s.channel);
  env_.channels.tell(s.channel, channel::unsubscribe{id_, env_.home.index(), clean, true});
  subs_.erase(subs_.begin() + static_cast<std::ptrdiff_t>(index));
}

void client::on(std::uint32_t id, const protocol::unsubscribe_command& c, moment) {
  if (must_wait(id, c.channel, false)) return;
  if (auto* s = find(c.channel)) end_subscription(static_cast<std::size_t>(s - subs_.data()), true);
  send(id, protocol::unsubscribe_reply{});
}

void client::on(std::uint32_t id, const protocol::sub_refresh_command& c, moment now) {
  if (must_wait(id, c.channel, false)) return;
  auto* s = find(c.channel);
  if (!s) {
    refuse(id, error_code::permission_denied);
    return;
  }
  auto verified = verify(c.token, now);
  // An expired token changes nothing: the subscription runs out on its own.
  if (auto* fault = std::get_if<token_fault>(&verified); fault && *fault == token_fault::expired) {
    metrics::count_refused(*fault);
    send(id, protocol::sub_refresh_reply{});
    return;
  }
  claims token;
  if (!accept_sub_token(id, c.channel, verified, now, token)) return;
  s->expires_at = token.expires_at.value_or(0);
  s->token = hold(token);
  s->close_at = {};
  protocol::sub_refresh_reply reply;
  if (s->expires_at > 0) {
    reply.expires = true;
    reply.ttl = ttl(s->expires_at, now);
    s->close_at = close_time(s->expires_at, now);
  }
  send(id, reply);
}

void client::on_dissolved(const std::string& channel) {
  if (phase_ == phase::closed) return;
  auto* s = find(channel);
  if (!s || !s->open) return;
  if (env_.hooks) left_hook(channel);
  env_.channels.tell(channel, channel::unsubscribe{id_, env_.home.index(), true, false});
  if (s->server_side) {
    close(disconnect_code::insufficient_state);
    return;
  }
  subs_.erase(subs_.begin() + (s - subs_.data()));
  push(channel, protocol::unsubscribe_push{protocol::unsubscribe_code::insufficient});
}

void client::on_server_subscribe(const server_subscribe& m, moment now) {
  if (phase_ != phase::connected || find(m.channel)) return;
  if (channels_full()) {
    close(disconnect_code::channel_limit);
    return;
  }
  open_request r;
  r.channel = m.channel;
  r.channel_info = m.info;
  r.data = m.data;
  r.since = m.since;
  r.wants_recovery = m.since.has_value();
  r.expires_at = m.expires_at.value_or(0);
  open(std::move(r), now);
}

void client::on_server_unsubscribe(const server_unsubscribe& m) {
  if (phase_ != phase::connected) return;
  for (auto i = subs_.size(); i-- > 0;) {
    auto& s = subs_[i];
    if (!m.channel.empty() && s.channel != m.channel) continue;
    if (!s.open) {
      s.end_when_open = m.code;
      continue;
    }
    auto channel = s.channel;
    end_subscription(i, true);
    push(channel, protocol::unsubscribe_push{m.code});
  }
}

} // namespace plexus::connection
