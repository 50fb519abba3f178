#include "actors/connection/client.hpp"

#include "actors/connection/client_internal.hpp"
#include "actors/runtime/log.hpp"
#include "actors/runtime/trace.hpp"

#include <caf/actor_cast.hpp>
#include <openssl/rand.h>

#include <array>

namespace plexus::connection {

using protocol::error_code;

namespace {

// Random bytes are drawn for many ids at once: RAND_bytes takes a lock.
std::string make_uuid() {
  thread_local std::array<unsigned char, 1024> pool;
  thread_local std::size_t used = pool.size();
  if (used == pool.size()) {
    RAND_bytes(pool.data(), static_cast<int>(pool.size()));
    used = 0;
  }
  auto* b = pool.data() + used;
  used += 16;
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  out.reserve(36);
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    out.push_back(hex[b[i] >> 4]);
    out.push_back(hex[b[i] & 15]);
  }
  return out;
}

} // namespace

client::time_point client::in(config::duration span, moment now) noexcept {
  return span.count() > 0 ? now.steady + span : time_point::max();
}

client::time_point client::close_time(std::int64_t expires_at, moment now) const noexcept {
  constexpr std::int64_t farthest = 10LL * 365 * 24 * 3600; // seconds; a steady clock overflows after 292 years
  auto left = std::clamp<std::int64_t>(expires_at - now.unix_seconds, 0, farthest);
  return now.steady + std::chrono::seconds(left) + env_.settings->client.expired_close_delay;
}

moment moment::now() {
  return {std::chrono::steady_clock::now(),
          std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

client::client(client_environment& env, session_id session, const protocol::codec& codec, caf::actor_addr self,
               moment now) :
    env_(env),
    session_(session),
    codec_(codec),
    self_(std::move(self)),
    id_(make_uuid()),
    ping_at_(in(env.settings->client.connect_timeout, now)),
    since_(static_cast<std::uint32_t>(now.unix_seconds)) {}

client::~client() {
  on_lost(false);
}

caf::actor client::self() const {
  return caf::actor_cast<caf::actor>(self_);
}

void client::on_message(const protocol::padded_text& text, moment now) {
  handle(text, now, false);
}

void client::handle(const protocol::padded_text& text, moment now, bool again) {
  if (phase_ == phase::closed) return;
  auto good = codec_.decode(text, [&](const protocol::command& c) {
    if (again) return dispatch(c, now);
    metrics::commands.add(1, c.body.index());
    if (runtime::trace::on()) trace_in(c);
    return within_rate(c, now) ? dispatch(c, now) : phase_ != phase::closed;
  });
  if (!good && phase_ != phase::closed) close(protocol::disconnect_code::bad_request);
}

client::time_point client::next_due() const noexcept {
  if (phase_ == phase::closed) return time_point::max();
  auto next = ping_at_;
  auto consider = [&next](time_point t) {
    if (t != time_point{} && t < next) next = t;
  };
  if (departs()) consider(depart_at_);
  consider(expiry_close_at_);
  for (auto& s : subs_) consider(s.close_at);
  return next;
}

// Pings go out together with those of others, so that an idle node wakes five times a second and not for each.
client::time_point client::together(time_point due, config::duration interval) noexcept {
  constexpr config::duration step = std::chrono::milliseconds{200};
  if (interval < 50 * step) return due;
  return due - due.time_since_epoch() % step;
}

void client::on_due(moment now) {
  if (phase_ == phase::closed) return;
  if (depart_at_ != time_point{} && departs() && now.steady >= depart_at_) {
    close(protocol::disconnect_code::shutdown);
    return;
  }
  if (phase_ != phase::connected) {
    if (now.steady >= ping_at_) close(protocol::disconnect_code::stale);
    return;
  }
  if (expiry_close_at_ != time_point{} && now.steady >= expiry_close_at_) {
    close(protocol::disconnect_code::expired);
    return;
  }
  for (std::size_t i = 0; i < subs_.size();) {
    auto& s = subs_[i];
    if (s.close_at == time_point{} || now.steady < s.close_at) {
      ++i;
    } else if (s.server_side) {
      close(protocol::disconnect_code::subscription_expired);
      return;
    } else if (!s.open) {
      // Commands wait behind the channel's answer: they have theirs first.
      s.end_when_open = protocol::unsubscribe_code::expired;
      s.close_at = {};
      ++i;
    } else {
      push(s.channel, protocol::unsubscribe_push{protocol::unsubscribe_code::expired});
      end_subscription(i, true);
    }
  }
  if (now.steady < ping_at_) return;
  auto& c = env_.settings->client;
  if (awaiting_pong_) {
    if (ping_under_way())
      ping_at_ = in(c.pong_timeout, now);
    else
      close(protocol::disconnect_code::no_pong);
    return;
  }
  std::string ping;
  codec_.encode_ping(ping);
  env_.port.send(session_, ping);
  constexpr std::uint64_t worth_a_look = 65'536; // bytes; less is on its way to anybody
  const auto [queued, arrived] = env_.port.progress_of(session_);
  ping_end_ = queued > arrived + worth_a_look ? queued : 0;
  arrived_ = arrived;
  awaiting_pong_ = c.pong_timeout.count() > 0;
  pinged_at_ = now.steady;
  ping_at_ = in(awaiting_pong_ ? c.pong_timeout : c.ping_interval, now);
}

// A client that reads a large reply over a slow link gets the ping behind it: as long as it reads on, it is there.
// Once the ping has arrived, it has the usual time.
bool client::ping_under_way() {
  if (ping_end_ == 0) return false;
  const auto arrived = env_.port.progress_of(session_).arrived;
  if (arrived <= arrived_) return false;
  arrived_ = arrived;
  if (arrived >= ping_end_) ping_end_ = 0;
  return true;
}

void client::on(std::uint32_t, const protocol::pong_command&, moment now) {
  if (!awaiting_pong_) return;
  awaiting_pong_ = false;
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(now.steady - pinged_at_).count();
  round_trip_us_ = static_cast<std::uint32_t>(std::clamp<std::int64_t>(took, 1, UINT32_MAX));
  // The next ping goes by the last one, so that the clients of a node stay spread over the interval.
  auto interval = env_.settings->client.ping_interval;
  ping_at_ =
      interval.count() > 0 ? std::max(together(pinged_at_ + interval, interval), now.steady) : time_point::max();
}

void client::send(std::uint32_t id, const protocol::reply& what) {
  std::string bytes;
  codec_.encode(bytes, id, what);
  env_.port.send(session_, bytes);
}

void client::push(std::string_view channel, const protocol::push& what) {
  std::string bytes;
  codec_.encode(bytes, channel, what);
  env_.port.send(session_, bytes);
}

void client::refuse(std::uint32_t id, protocol::error_code code) {
  metrics::count_error(code);
  if (runtime::trace::on())
    trace_decision("refused", {}, "command " + std::to_string(id) + ": " + std::string(protocol::entry(code).name),
                   static_cast<std::uint64_t>(code));
  send(id, protocol::error_reply{code});
}

void client::refuse(std::uint32_t id, std::uint16_t code, const std::string& message) {
  const auto as = static_cast<error_code>(code);
  metrics::count_error(as);
  send(id, protocol::error_reply{as, message});
}

std::shared_ptr<reply_promise> client::promise(std::uint32_t id) const {
  return std::make_shared<reply_promise>(env_.transport, session_, codec_, id, nullptr);
}

std::shared_ptr<reply_promise> client::promise_large(std::uint32_t id) {
  return std::make_shared<reply_promise>(env_.transport, session_, codec_, id, room());
}

const std::shared_ptr<channel::reply_room>& client::room() {
  if (!room_) room_ = std::make_shared<channel::reply_room>();
  room_->set_most(env_.settings->client.max_reply_size);
  return room_;
}

void client::close(protocol::disconnect_code code) {
  close(static_cast<std::uint16_t>(code), protocol::reason(code));
}

void client::close(std::uint16_t code, std::string_view reason) {
  if (phase_ == phase::closed) return;
  metrics::count_disconnect(code);
  runtime::log::debug("connection", "closing a client",
                      {{"client", id_}, {"user", user_}, {"code", code}, {"reason", reason}});
  if (runtime::trace::on()) trace_decision("closed", {}, reason, code);
  if (code == static_cast<std::uint16_t>(protocol::disconnect_code::slow))
    runtime::log::note_slow("connection", "a client did not read and was closed",
                            {{"client", id_}, {"user", user_}});
  // A connection that the server ends is a clean end: nothing is left that could come back within a grace. Only a
  // client that stopped answering may have moved to another network.
  auto clean = code != static_cast<std::uint16_t>(protocol::disconnect_code::no_pong) &&
               code != static_cast<std::uint16_t>(protocol::disconnect_code::write_error);
  on_lost(clean);
  env_.port.close(session_, code, reason);
}

void client::on_lost(bool clean) {
  if (phase_ == phase::closed) return;
  leave_all(clean);
  if (phase_ == phase::connected) env_.clients.on(env_.home).remove(*this);
  if (has_place_) env_.clients.give_place(user_);
  has_place_ = false;
  connecting_.reset();
  phase_ = phase::closed;
}

void client::leave_all(bool clean) {
  for (auto& s : subs_) {
    if (env_.hooks && s.open) left_hook(s.channel);
    env_.channels.tell(s.channel, channel::unsubscribe{id_, env_.home.index(), clean, true, true});
  }
  subs_.clear();
  token_.reset();
}

} // namespace plexus::connection
