// Of client: what is told to who traces it. Reached only while somebody does.

#include "actors/connection/client_internal.hpp"
#include "actors/runtime/trace.hpp"

namespace plexus::connection {

namespace trace = runtime::trace;

namespace {

/// What a trace shows of a command; tokens are never shown.
struct shown {
  std::string_view kind, channel{}, payload{};
};

shown show(const protocol::pong_command&) {
  return {"pong"};
}
shown show(const protocol::connect_command& c) {
  return {"connect", {}, c.data};
}
shown show(const protocol::subscribe_command& c) {
  return {"subscribe", c.channel, c.data};
}
shown show(const protocol::unsubscribe_command& c) {
  return {"unsubscribe", c.channel};
}
shown show(const protocol::publish_command& c) {
  return {"publish", c.channel, c.data};
}
shown show(const protocol::presence_command& c) {
  return {"presence", c.channel};
}
shown show(const protocol::presence_stats_command& c) {
  return {"presence_stats", c.channel};
}
shown show(const protocol::history_command& c) {
  return {"history", c.channel};
}
shown show(const protocol::rpc_command& c) {
  return {"rpc", {}, c.data};
}
shown show(const protocol::refresh_command&) {
  return {"refresh"};
}
shown show(const protocol::sub_refresh_command& c) {
  return {"sub_refresh", c.channel};
}
shown show(const protocol::send_command& c) {
  return {"send", {}, c.data};
}

std::string_view name_of(config::access a) {
  switch (a) {
  case config::access::nobody:
    return "token";
  case config::access::subscriber:
    return "subscriber";
  case config::access::user:
    return "user";
  case config::access::anyone:
    break;
  }
  return "anyone";
}

} // namespace

void client::trace_in(const protocol::command& c) const {
  const auto what = std::visit([](auto& body) { return show(body); }, c.body);
  auto why = c.id > 0 ? "command " + std::to_string(c.id) : std::string();
  if (auto* rpc = std::get_if<protocol::rpc_command>(&c.body)) why += ", method " + std::string(rpc->method);
  trace::tell({"in", what.kind, id_, user_, what.channel, why, 0, c.raw.size(), what.payload});
}

void client::trace_decision(std::string_view kind, std::string_view channel, std::string_view why,
                            std::uint64_t code) const {
  trace::tell({"decision", kind, id_, user_, channel, why, code});
}

void client::trace_not_allowed(action what, std::string_view channel, const config::channel_options& options) {
  static constexpr std::string_view names[] = {"subscribe", "publish", "read_presence", "read_history"};
  const config::access asked[] = {options.subscribe, options.publish, options.read_presence, options.read_history};
  const auto which = static_cast<std::size_t>(what);
  auto* s = find(channel);
  std::string why(names[which]);
  why.append(" is for \"").append(name_of(asked[which])).append("\"; this client has ");
  why.append(!token_         ? "no token"
             : token_->can() ? "a token with rights, none of them for this channel"
                             : "a token without rights");
  why.append(s && s->open ? " and is subscribed" : " and is not subscribed");
  trace_decision("not allowed", channel, why, 0);
}

} // namespace plexus::connection
