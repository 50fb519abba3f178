// What nodes tell each other on behalf of the HTTP API: requests as other nodes read them, and a node's figures.

#include "actors/protocol/api.hpp"
#include "actors/protocol/json_reader.hpp"
#include "actors/protocol/json_write.hpp"

namespace plexus::protocol {

namespace {

using json::object_writer;

void append_target(object_writer& to, const api_target& who) {
  to.text("user", who.user);
  to.text("client", who.client);
  to.text("session", who.session);
}

void append_time(object_writer& to, std::string_view name, std::int64_t at) {
  if (at > 0) to.number(name, static_cast<std::uint64_t>(at));
}

} // namespace

std::string encode_api_request(const subscribe_request& what) {
  std::string out;
  object_writer to(out);
  append_target(to, what.who);
  to.text("channel", what.channel);
  to.json("info", what.info);
  to.json("data", what.data);
  if (what.recover_since) {
    to.key("recover_since");
    object_writer since(out);
    since.number("offset", what.recover_since->offset);
    since.text("epoch", what.recover_since->epoch);
    since.close();
  }
  append_time(to, "expire_at", what.expire_at);
  to.close();
  return out;
}

std::string encode_api_request(const unsubscribe_request& what) {
  std::string out;
  object_writer to(out);
  append_target(to, what.who);
  to.text("channel", what.channel);
  to.close();
  return out;
}

std::string encode_api_request(const disconnect_request& what) {
  std::string out;
  object_writer to(out);
  append_target(to, what.who);
  to.key("whitelist");
  out += '[';
  json::append_all(out, what.whitelist, [&](const std::string& client) { json::append_string(out, client); });
  out += ']';
  to.key("disconnect");
  object_writer how(out);
  how.number("code", what.code);
  how.text("reason", what.reason);
  how.close();
  to.close();
  return out;
}

std::string encode_api_request(const refresh_request& what) {
  std::string out;
  object_writer to(out);
  append_target(to, what.who);
  to.flag("expired", what.expired);
  append_time(to, "expire_at", what.expire_at);
  to.close();
  return out;
}

std::optional<node_info> decode_node_info(std::string_view text) {
  node_info out;
  json::reader in(text);
  const auto field = [&](std::string_view key) {
    if (key == "uid") return in.string(out.uid);
    if (key == "name") return in.string(out.name);
    if (key == "version") return in.string(out.version);
    if (key == "num_clients") return in.integer(out.clients);
    if (key == "num_users") return in.integer(out.users);
    if (key == "num_channels") return in.integer(out.channels);
    if (key == "num_subs") return in.integer(out.subscriptions);
    if (key == "uptime") return in.integer(out.uptime);
    return in.skip();
  };
  if (!in.object(field) || !in.finish()) return std::nullopt;
  return out;
}

} // namespace plexus::protocol
