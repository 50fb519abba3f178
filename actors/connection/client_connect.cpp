#include "actors/connection/client_internal.hpp"

#include <random>

namespace plexus::connection {

using protocol::disconnect_code;
using protocol::error_code;

namespace {

disconnect_code code_of(denial why) {
  return why == denial::blocked ? disconnect_code::permission_denied : disconnect_code::invalid_token;
}

// Its rights are for one channel: as a connection's they would hold everywhere.
bool is_for_a_subscription(const claims& token) noexcept {
  return !token.channel.empty() || !token.client.empty();
}

} // namespace

bool client::dispatch(const protocol::command& c, moment now) {
  auto is_connect = std::holds_alternative<protocol::connect_command>(c.body);
  if (is_connect != (phase_ == phase::fresh)) {
    // Anything before connect, and connect twice.
    close(disconnect_code::bad_request);
    return false;
  }
  raw_ = c.raw;
  std::visit([&](auto& body) { on(c.id, body, now); }, c.body);
  return phase_ != phase::closed;
}

// A pong answers the node: it isn't the client's choice when to send one.
bool client::within_rate(const protocol::command& c, moment now) {
  auto& limits = env_.settings->client.rate;
  if (!rate_gate::needed(limits)) {
    rate_.reset();
    return true;
  }
  if (std::holds_alternative<protocol::pong_command>(c.body)) return true;
  if (!rate_) rate_ = std::make_unique<rate_gate>();
  switch (rate_->judge(limits, c.raw.size(), now.steady)) {
  case rate_gate::verdict::pass:
    return true;
  case rate_gate::verdict::too_many_commands:
    metrics::rate_limited.add(1, 0);
    break;
  case rate_gate::verdict::too_many_bytes:
    metrics::rate_limited.add(1, 1);
    break;
  case rate_gate::verdict::give_up:
    close(disconnect_code::too_many_requests);
    return false;
  }
  if (c.id > 0) refuse(c.id, error_code::too_many_requests);
  return false;
}

void client::on(std::uint32_t id, const protocol::connect_command& c, moment now) {
  auto& conf = env_.settings->client;
  library_ = env_.libraries.find(c.name, c.version);
  claims who;
  insecure_ = conf.insecure;
  if (!c.token.empty()) {
    auto verified = verify(c.token, now);
    if (auto* fault = std::get_if<token_fault>(&verified)) {
      metrics::count_refused(*fault);
      if (*fault == token_fault::expired)
        refuse(id, error_code::token_expired); // the client fetches a new one and dials again
      else if (*fault == token_fault::undecided)
        refuse(id, error_code::internal); // temporary: the client dials again, and by then the keys are there
      else
        close(disconnect_code::invalid_token);
      return;
    }
    who = std::move(std::get<claims>(verified));
    if (is_for_a_subscription(who)) {
      metrics::count_refused(token_fault::invalid);
      close(disconnect_code::invalid_token);
      return;
    }
    if (const auto why = denied(who, now); why != denial::none) {
      close(code_of(why));
      return;
    }
  } else if (!conf.insecure && !conf.anonymous) {
    close(disconnect_code::bad_request);
    return;
  }
  std::string hook_reply;
  const auto named = who.user;
  if (env_.hooks && !connect_hook(who, c, hook_reply)) return;
  // Whom a hook makes of the client may be blocked as well.
  if (who.user != named)
    if (const auto why = denied(who, now); why != denial::none) {
      close(code_of(why));
      return;
    }
  user_ = std::move(who.user);
  conn_info_ = std::move(who.info);
  has_place_ = conf.max_connections_per_user > 0;
  if (has_place_ && !env_.clients.take_place(user_, conf.max_connections_per_user)) {
    has_place_ = false;
    close(disconnect_code::connection_limit);
    return;
  }

  phase_ = phase::connected;
  env_.clients.on(env_.home).add(*this);
  if (!c.token.empty()) token_ = hold(who);
  connecting_ = std::make_unique<pending_connect>();
  connecting_->id = id;
  auto& reply = connecting_->reply;
  reply.client = id_;
  reply.version = env_.version;
  reply.data = std::move(hook_reply);
  reply.ping = static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(conf.ping_interval).count());
  reply.pong = conf.ping_interval.count() > 0 && conf.pong_timeout.count() > 0;
  auto back = env_.port.address(session_);
  reply.session = std::move(back.session);
  reply.node = std::move(back.node);
  set_expiry(who.expires_at, now);
  if (expires_at_ > 0) {
    reply.expires = true;
    reply.ttl = ttl(expires_at_, now);
  }
  // The first ping comes somewhere within the interval: clients that came together are pinged apart.
  thread_local std::minstd_rand random{std::random_device{}()};
  auto interval = conf.ping_interval.count();
  ping_at_ =
      interval > 0
          ? std::max(now.steady,
                     together(now.steady + config::duration{static_cast<std::int64_t>(random()) % interval + 1},
                              conf.ping_interval))
          : time_point::max();

  if (conf.max_channels > 0 && who.subs.size() > conf.max_channels) {
    close(disconnect_code::channel_limit);
    return;
  }
  if (!who.subs.empty()) {
    env_.port.hold(session_);
    connecting_->left = who.subs.size();
    // `open` may be answered at once for a channel that can't be had; the count stands before.
    for (auto& s : who.subs) {
      open_request r;
      r.channel = s.channel;
      r.in_connect = true;
      r.channel_info = std::move(s.info);
      r.data = std::move(s.data);
      for (auto& asked : c.subs)
        if (asked.channel == s.channel && asked.recover) {
          r.wants_recovery = true;
          r.since = protocol::position{std::string(asked.since.epoch), asked.since.offset};
        }
      if (phase_ == phase::closed) return;
      open(std::move(r), now);
    }
  }
  if (connecting_ && connecting_->left == 0) finish_connect();
}

void client::finish_connect() {
  auto done = std::move(connecting_);
  std::string bytes;
  codec_.encode(bytes, done->id, protocol::reply{std::move(done->reply)});
  channel::reply_room::share owed;
  if (!done->owed.empty()) owed = std::make_shared<decltype(done->owed)>(std::move(done->owed));
  env_.port.release(session_, bytes, std::move(owed));
}

std::variant<claims, token_fault> client::verify(std::string_view token, moment now) const {
  return env_.verifier->verify(token, now.unix_seconds, insecure_ ? expiry::ignored : expiry::minded);
}

denial client::denied(const claims& who, moment now) const {
  const auto why = env_.denied.judge({who.user, who.id, who.issued_at}, now.unix_seconds);
  if (why != denial::none) metrics::count_refused(why);
  return why;
}

denial client::denied(const held_token& token, moment now, bool in_use) const {
  return env_.denied.judge({user_, token.id(), token.issued_at()}, now.unix_seconds, in_use);
}

std::unique_ptr<held_token> client::hold(claims& who) {
  return std::make_unique<held_token>(env_.clients.on(env_.home), *this, who);
}

void client::on_recheck(bool all_older, moment now) {
  if (phase_ != phase::connected) return;
  if (const auto why = token_ ? denied(*token_, now, all_older) : denial::none; why != denial::none) {
    close(code_of(why));
    return;
  }
  for (auto i = subs_.size(); i-- > 0;)
    if (subs_[i].token && denied(*subs_[i].token, now, all_older) != denial::none)
      on_server_unsubscribe({subs_[i].channel});
}

void client::set_expiry(std::optional<std::int64_t> expires_at, moment now) {
  expires_at_ = expires_at.value_or(0);
  expiry_close_at_ = {};
  if (expires_at_ > 0) expiry_close_at_ = close_time(expires_at_, now);
}

std::uint32_t client::ttl(std::int64_t expires_at, moment now) const noexcept {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(expires_at - now.unix_seconds, 1, UINT32_MAX));
}

void client::on(std::uint32_t id, const protocol::refresh_command& c, moment now) {
  auto verified = verify(c.token, now);
  if (auto* fault = std::get_if<token_fault>(&verified)) {
    metrics::count_refused(*fault);
    if (*fault == token_fault::undecided)
      refuse(id, error_code::internal);
    else
      close(*fault == token_fault::expired ? disconnect_code::expired : disconnect_code::invalid_token);
    return;
  }
  auto& who = std::get<claims>(verified);
  if (who.user != user_ || is_for_a_subscription(who)) {
    metrics::count_refused(token_fault::invalid);
    close(disconnect_code::invalid_token);
    return;
  }
  if (const auto why = denied(who, now); why != denial::none) {
    close(code_of(why));
    return;
  }
  conn_info_ = std::move(who.info);
  info_.reset();
  set_expiry(who.expires_at, now);
  token_ = hold(who);
  protocol::refresh_reply reply;
  reply.client = id_;
  reply.version = env_.version;
  if (expires_at_ > 0) {
    reply.expires = true;
    reply.ttl = ttl(expires_at_, now);
  }
  send(id, reply);
}

void client::on_server_refresh(const server_refresh& m, moment now) {
  if (phase_ != phase::connected) return;
  if (m.expired || (m.expires_at && *m.expires_at <= now.unix_seconds)) {
    close(disconnect_code::expired);
    return;
  }
  set_expiry(m.expires_at, now);
  protocol::refresh_push what;
  if (expires_at_ > 0) {
    what.expires = true;
    what.ttl = ttl(expires_at_, now);
  }
  push({}, what);
}

} // namespace plexus::connection
