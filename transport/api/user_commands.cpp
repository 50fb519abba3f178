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

/// All clients without a name aren't one user; and clients are not found by the session of a stream.
bool means_nobody(const protocol::api_target& who) noexcept {
  return (who.user.empty() && who.client.empty()) || !who.session.empty();
}

} // namespace

user_commands::user_commands(runtime::runtime& loops, connection::directory& clients, cluster::cluster& nodes) :
    loops_(loops), clients_(clients), nodes_(nodes) {
  serve<protocol::subscribe_request>();
  serve<protocol::unsubscribe_request>();
  serve<protocol::disconnect_request>();
  serve<protocol::refresh_request>();
}

// Nodes ask each other with the API's own requests.
template <class Request>
void user_commands::serve() {
  const auto method = protocol::api_method(Request{});
  nodes_.serve("api." + std::string(method), [this, method](std::string_view body, cluster::cluster::respond say) {
    auto decoded = protocol::decode_api(method, protocol::padded_text(body));
    auto* request = std::get_if<protocol::api_request>(&decoded);
    auto* command = request == nullptr ? nullptr : std::get_if<protocol::api_command>(request);
    if (command == nullptr) return; // of another version: as good as silent
    here(std::get<Request>(std::move(*command)), [say = std::move(say)] { say({}); });
  });
}

template <class Request>
void user_commands::tell_all(const Request& what, pending_ptr to) {
  if (means_nobody(what.who)) {
    to->tell(protocol::api_result(protocol::empty_result{}));
    return;
  }
  ask_every_node(nodes_, "api." + std::string(protocol::api_method(Request{})), encode_api_request(what),
                 nothing_to_say, std::move(to));
}

void user_commands::each(protocol::api_target who, std::function<void(const connection::client&)> act, told then) {
  if (means_nobody(who)) return then();
  auto work = [this, who = std::move(who), act = std::move(act)](runtime::loop& on) {
    const auto meant = [&](const connection::client& c) {
      if (c.user() == who.user && (who.client.empty() || c.id() == who.client)) act(c);
    };
    if (who.user.empty())
      clients_.on(on).each(meant);
    else
      clients_.on(on).each_of(who.user, meant);
  };
  loops_.on_each(std::move(work), std::move(then));
}

// -- where the command came in

void user_commands::run(const caller& from, protocol::subscribe_request what, pending_ptr to) {
  if (const auto fault = check_channel(*from.settings, what.channel)) {
    to->tell(protocol::api_error{*fault, {}});
    return;
  }
  tell_all(what, std::move(to));
}

void user_commands::run(const caller&, protocol::unsubscribe_request what, pending_ptr to) {
  tell_all(what, std::move(to));
}

void user_commands::run(const caller&, protocol::disconnect_request what, pending_ptr to) {
  if (what.reason.size() > max_reason) {
    to->tell(protocol::api_error{protocol::error_code::bad_request, "a reason has at most 123 bytes"});
    return;
  }
  tell_all(what, std::move(to));
}

void user_commands::run(const caller&, protocol::refresh_request what, pending_ptr to) {
  tell_all(what, std::move(to));
}

// -- on every node

void user_commands::here(protocol::subscribe_request what, told then) {
  connection::server_subscribe m{std::move(what.channel), std::move(what.info), std::move(what.data),
                                 std::move(what.recover_since), expiry(what.expire_at)};
  each(
      std::move(what.who), [m = std::move(m)](const auto& c) { send(c, m); }, std::move(then));
}

void user_commands::here(protocol::unsubscribe_request what, told then) {
  connection::server_unsubscribe m{std::move(what.channel), protocol::unsubscribe_code::server};
  each(
      std::move(what.who), [m = std::move(m)](const auto& c) { send(c, m); }, std::move(then));
}

void user_commands::here(protocol::disconnect_request what, told then) {
  if (what.reason.empty()) what.reason = protocol::reason(static_cast<protocol::disconnect_code>(what.code));
  auto act = [m = connection::kick{what.code, std::move(what.reason)},
              spared = std::move(what.whitelist)](const connection::client& c) {
    if (std::find(spared.begin(), spared.end(), c.id()) == spared.end()) send(c, m);
  };
  each(std::move(what.who), std::move(act), std::move(then));
}

void user_commands::here(const protocol::refresh_request& what, told then) {
  const connection::server_refresh m{what.expired, expiry(what.expire_at)};
  each(
      what.who, [m](const auto& c) { send(c, m); }, std::move(then));
}

} // namespace plexus::transport::api
