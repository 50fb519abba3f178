#include "transport/api/user_commands.hpp"

#include "actors/connection/client.hpp"
#include "transport/api/channel_commands.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace plexus::transport::api {

namespace {

/// What a WebSocket's close frame has room for.
constexpr std::size_t max_reason = 123;

template <class Message>
void send(const connection::client& to, Message what) {
  if (auto self = to.self()) caf::anon_send(self, std::move(what));
}

std::optional<std::int64_t> expiry(std::int64_t at) {
  return at > 0 ? std::optional(at) : std::nullopt;
}

} // namespace

void user_commands::each(protocol::api_target who, std::function<void(const connection::client&)> act,
                         pending_ptr to) {
  // All clients without a name aren't one user; and clients are not found by the session of a stream.
  if ((who.user.empty() && who.client.empty()) || !who.session.empty()) {
    to->tell(protocol::api_result(protocol::empty_result{}));
    return;
  }
  auto work = [this, who = std::move(who), act = std::move(act)](runtime::loop& on) {
    const auto meant = [&](const connection::client& c) {
      if (c.user() == who.user && (who.client.empty() || c.id() == who.client)) act(c);
    };
    if (who.user.empty())
      clients_.on(on).each(meant);
    else
      clients_.on(on).each_of(who.user, meant);
  };
  loops_.on_each(std::move(work),
                 [to = std::move(to)] { to->tell(protocol::api_result(protocol::empty_result{})); });
}

void user_commands::run(const caller& from, protocol::subscribe_request what, pending_ptr to) {
  if (const auto fault = check_channel(*from.settings, what.channel)) {
    to->tell(protocol::api_error{*fault, {}});
    return;
  }
  connection::server_subscribe m{std::move(what.channel), std::move(what.info), std::move(what.data),
                                 std::move(what.recover_since), expiry(what.expire_at)};
  each(
      std::move(what.who), [m = std::move(m)](const auto& c) { send(c, m); }, std::move(to));
}

void user_commands::run(const caller&, protocol::unsubscribe_request what, pending_ptr to) {
  connection::server_unsubscribe m{std::move(what.channel), protocol::unsubscribe_code::server};
  each(
      std::move(what.who), [m = std::move(m)](const auto& c) { send(c, m); }, std::move(to));
}

void user_commands::run(const caller&, protocol::disconnect_request what, pending_ptr to) {
  if (what.reason.size() > max_reason) {
    to->tell(protocol::api_error{protocol::error_code::bad_request, "a reason has at most 123 bytes"});
    return;
  }
  if (what.reason.empty()) what.reason = protocol::reason(static_cast<protocol::disconnect_code>(what.code));
  auto act = [m = connection::kick{what.code, std::move(what.reason)},
              spared = std::move(what.whitelist)](const connection::client& c) {
    if (std::find(spared.begin(), spared.end(), c.id()) == spared.end()) send(c, m);
  };
  each(std::move(what.who), std::move(act), std::move(to));
}

void user_commands::run(const caller&, protocol::refresh_request what, pending_ptr to) {
  const connection::server_refresh m{what.expired, expiry(what.expire_at)};
  each(
      std::move(what.who), [m](const auto& c) { send(c, m); }, std::move(to));
}

} // namespace plexus::transport::api
