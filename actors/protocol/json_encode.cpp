// From replies and pushes to JSON. One `append_reply` for each kind (those that the HTTP API has too
// are in json_write.cpp) appends the object that stands under its name.

#include "actors/protocol/json_codec.hpp"
#include "actors/protocol/json_write.hpp"

#include <array>

namespace plexus::protocol {

namespace {

using json::append_reply;
using json::object_writer;

template <class T>
void write_expiry(object_writer& to, const T& what) {
  to.flag("expires", what.expires);
  to.number("ttl", what.ttl);
}

void append_reply(std::string& out, const error_reply& what) {
  const auto& known = entry(what.code);
  object_writer to(out);
  if (!what.message.empty()) {
    to.number("code", static_cast<std::uint64_t>(what.code));
    to.text("message", what.message);
    to.flag("temporary", known.code == what.code && known.temporary);
    to.close();
    return;
  }
  to.number("code", static_cast<std::uint64_t>(known.code));
  to.text("message", known.name);
  to.flag("temporary", known.temporary);
  to.close();
}

void append_reply(std::string& out, const subscribe_reply& what) {
  object_writer to(out);
  write_expiry(to, what);
  to.flag("recoverable", what.recoverable);
  to.text("epoch", what.at.epoch);
  if (!what.publications.empty()) {
    to.key("publications");
    json::append_publications(out, what.publications, what.delta ? data_form::whole : data_form::plain);
  }
  to.flag("recovered", what.recovered);
  to.number("offset", what.at.offset);
  to.flag("positioned", what.positioned);
  to.json("data", what.data);
  to.flag("was_recovering", what.was_recovering);
  to.flag("delta", what.delta);
  to.close();
}

void append_reply(std::string& out, const connect_reply& what) {
  object_writer to(out);
  to.text("client", what.client);
  to.text("version", what.version);
  write_expiry(to, what);
  to.json("data", what.data);
  if (!what.subs.empty()) {
    to.key("subs");
    out += '{';
    json::append_all(out, what.subs, [&](const auto& sub) {
      json::append_string(out, sub.first);
      out += ':';
      append_reply(out, sub.second);
    });
    out += '}';
  }
  to.number("ping", what.ping);
  to.flag("pong", what.pong);
  to.text("session", what.session);
  to.text("node", what.node);
  to.close();
}

void append_reply(std::string& out, const unsubscribe_reply&) {
  out += "{}";
}

void append_reply(std::string& out, const publish_reply&) {
  out += "{}";
}

void append_reply(std::string& out, const refresh_reply& what) {
  object_writer to(out);
  to.text("client", what.client);
  to.text("version", what.version);
  write_expiry(to, what);
  to.close();
}

void append_reply(std::string& out, const sub_refresh_reply& what) {
  object_writer to(out);
  write_expiry(to, what);
  to.close();
}

void append_reply(std::string& out, const publication_push& what) {
  json::append_publication(out, *what.what, what.form, what.delta);
}

void write_info(std::string& out, const client_info& info) {
  object_writer to(out);
  to.key("info");
  json::append_client_info(out, info);
  to.close();
}

void append_reply(std::string& out, const join_push& what) {
  write_info(out, what.info);
}

void append_reply(std::string& out, const leave_push& what) {
  write_info(out, what.info);
}

void append_reply(std::string& out, const subscribe_push& what) {
  // The push has fewer fields than the reply.
  const auto& result = what.result;
  object_writer to(out);
  to.flag("recoverable", result.recoverable);
  to.text("epoch", result.at.epoch);
  to.number("offset", result.at.offset);
  to.flag("positioned", result.positioned);
  to.json("data", result.data);
  to.close();
}

void append_reply(std::string& out, const unsubscribe_push& what) {
  object_writer to(out);
  to.number("code", static_cast<std::uint64_t>(what.code));
  to.text("reason", reason(what.code));
  to.close();
}

void append_reply(std::string& out, const message_push& what) {
  object_writer to(out);
  to.json("data", what.data);
  to.close();
}

void append_reply(std::string& out, const refresh_push& what) {
  object_writer to(out);
  write_expiry(to, what);
  to.close();
}

void append_reply(std::string& out, const disconnect_push& what) {
  object_writer to(out);
  to.number("code", what.code);
  to.text("reason", what.reason);
  to.close();
}

// In the order of `reply` and of `push`.
constexpr std::array<std::string_view, std::variant_size_v<reply>> reply_names{
    "error",          "connect", "subscribe", "unsubscribe", "publish",     "presence",
    "presence_stats", "history", "rpc",       "refresh",     "sub_refresh",
};
constexpr std::array<std::string_view, std::variant_size_v<push>> push_names{
    "pub", "join", "leave", "subscribe", "unsubscribe", "message", "refresh", "disconnect",
};

/// How much a push is likely to take, so that the hot one is made with one allocation.
std::size_t likely_size(std::string_view channel, const push& what) {
  constexpr std::size_t around = 64;
  const auto* pub = std::get_if<publication_push>(&what);
  if (pub == nullptr) return channel.size() + around;
  const auto& info = pub->what->info;
  return channel.size() + pub->what->data.size() + around +
         (info ? info->user.size() + info->client.size() + info->conn_info.size() + info->channel_info.size() +
                     around
               : 0);
}

} // namespace

void json_codec::encode(std::string& out, std::uint32_t id, const reply& what) const {
  out += "{\"id\":";
  json::append_number(out, id);
  out += ",\"";
  out += reply_names[what.index()];
  out += "\":";
  std::visit([&](const auto& one) { append_reply(out, one); }, what);
  out += '}';
}

void json_codec::encode(std::string& out, std::string_view channel, const push& what) const {
  out.reserve(out.size() + likely_size(channel, what));
  out += "{\"push\":{";
  if (!channel.empty()) {
    out += "\"channel\":";
    json::append_string(out, channel);
    out += ',';
  }
  out += '"';
  out += push_names[what.index()];
  out += "\":";
  std::visit([&](const auto& one) { append_reply(out, one); }, what);
  out += "}}";
}

} // namespace plexus::protocol
