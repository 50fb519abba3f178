#include "actors/protocol/api.hpp"
#include "actors/protocol/json_write.hpp"

namespace plexus::protocol {

namespace {

using json::append_reply;
using json::object_writer;

void append_reply(std::string& out, const empty_result&) {
  out += "{}";
}

void append_reply(std::string& out, const publish_result& what) {
  object_writer to(out);
  to.number("offset", what.at.offset);
  to.text("epoch", what.at.epoch);
  to.close();
}

void append_reply(std::string& out, const broadcast_result& what) {
  object_writer to(out);
  to.key("responses");
  out += '[';
  json::append_all(out, what.responses, [&](const auto& response) {
    object_writer one(out);
    if (const auto* code = std::get_if<error_code>(&response)) {
      one.key("error");
      encode_api_error(out, {*code, {}});
    } else {
      one.key("result");
      append_reply(out, std::get<publish_result>(response));
    }
    one.close();
  });
  out += ']';
  to.close();
}

void append_reply(std::string& out, const channels_result& what) {
  object_writer to(out);
  to.key("channels");
  out += '{';
  json::append_all(out, what.channels, [&](const auto& channel) {
    json::append_string(out, channel.first);
    out += ':';
    object_writer one(out);
    one.count("num_clients", channel.second);
    one.close();
  });
  out += '}';
  to.close();
}

void append_reply(std::string& out, const node_info& what) {
  object_writer to(out);
  to.key("uid");
  json::append_string(out, what.uid);
  to.key("name");
  json::append_string(out, what.name);
  to.key("version");
  json::append_string(out, what.version);
  to.count("num_clients", what.clients);
  to.count("num_users", what.users);
  to.count("num_channels", what.channels);
  to.count("num_subs", what.subscriptions);
  to.count("uptime", what.uptime);
  to.close();
}

void append_reply(std::string& out, const info_result& what) {
  object_writer to(out);
  to.key("nodes");
  out += '[';
  json::append_all(out, what.nodes, [&](const node_info& node) { append_reply(out, node); });
  out += ']';
  to.close();
}

/// The result under `name`, or the error; who is missing stands beside it.
void append_answer(object_writer& to, std::string& out, std::string_view name, const api_answer& what) {
  if (const auto* error = std::get_if<api_error>(&what)) {
    to.key("error");
    encode_api_error(out, *error);
    return;
  }
  to.key(name);
  const auto* partial = std::get_if<api_partial>(&what);
  encode_api_result(out, partial == nullptr ? std::get<api_result>(what) : partial->what);
  if (partial == nullptr) return;
  to.key("silent");
  out += '[';
  json::append_all(out, partial->silent, [&](const std::string& node) { json::append_string(out, node); });
  out += ']';
  to.flag("unsure", partial->unsure);
}

} // namespace

std::string encode_node_info(const node_info& what) {
  std::string out;
  append_reply(out, what);
  return out;
}

void encode_api_result(std::string& out, const api_result& what) {
  std::visit([&](const auto& one) { append_reply(out, one); }, what);
}

void encode_api_error(std::string& out, const api_error& what) {
  object_writer to(out);
  to.number("code", static_cast<std::uint64_t>(what.code));
  to.key("message");
  json::append_string(out, what.message.empty() ? entry(what.code).name : std::string_view(what.message));
  to.close();
}

void encode_api_answer(std::string& out, const api_answer& what) {
  object_writer to(out);
  append_answer(to, out, "result", what);
  to.close();
}

void encode_api_batch(std::string& out, const std::vector<batch_reply>& replies) {
  object_writer to(out);
  to.key("replies");
  out += '[';
  json::append_all(out, replies, [&](const batch_reply& answered) {
    object_writer one(out);
    append_answer(one, out, answered.method, answered.what);
    one.close();
  });
  out += ']';
  to.close();
}

} // namespace plexus::protocol
