// What plugins have to say: hooks, and RPCs to channel actors.

#include "actors/connection/client_internal.hpp"
#include "actors/extension/host.hpp"
#include "actors/extension/metrics.hpp"
#include "actors/protocol/json_reader.hpp"
#include "actors/runtime/log.hpp"

#include <plexus/hooks.hpp>

#include <algorithm>

namespace plexus::connection {

using protocol::disconnect_code;
using protocol::error_code;

namespace {

/// Asks one after the other until one says no. One that throws says no with error 100.
template <class What, class Call>
void ask_all(const std::vector<std::unique_ptr<hooks>>& all, const char* name, What& what, Call call) {
  for (const auto& each : all) {
    try {
      call(*each, what);
    } catch (const refusal& no) {
      what.refuse(no.code(), no.what());
    } catch (const std::exception& e) {
      extension::count::hook_failures.add();
      runtime::log::warn("hooks", "a hook failed", {{"hook", name}, {"error", e.what()}});
      what.refuse(100, "internal server error");
    } catch (...) {
      extension::count::hook_failures.add();
      runtime::log::warn("hooks", "a hook failed",
                         {{"hook", name}, {"error", "something that is no std::exception"}});
      what.refuse(100, "internal server error");
    }
    if (what.refused()) return;
  }
}

/// Bytes of a client's idempotency key: it is kept with the actor for minutes.
constexpr std::size_t most_key = 128;

struct entry_call : request {
  const caller& who;
  std::string_view channel;
};

} // namespace

caller client::as_caller() const {
  return {id_, user_, conn_info_};
}

bool client::connect_hook(claims& who, const protocol::connect_command& c, std::string& reply) {
  connecting what;
  what.user = who.user;
  what.info = who.info;
  what.data = c.data;
  ask_all(*env_.hooks, "on_connect", what, [](hooks& h, connecting& w) { h.on_connect(w); });
  if (what.refused()) {
    const bool closes = what.code() >= 3000 && what.code() <= 4999;
    close(closes ? what.code() : static_cast<std::uint16_t>(disconnect_code::permission_denied), what.message());
    return false;
  }
  who.user = std::move(what.user);
  who.info = std::move(what.info);
  for (auto& each : what.channels) {
    if (std::any_of(who.subs.begin(), who.subs.end(), [&](const auto& s) { return s.channel == each; })) continue;
    auto& added = who.subs.emplace_back();
    added.channel = std::move(each);
  }
  reply = std::move(what.reply);
  return true;
}

bool client::subscribe_hook(std::uint32_t id, const protocol::subscribe_command& c, std::string& reply) {
  entering what;
  what.who = as_caller();
  what.channel = c.channel;
  what.data = c.data;
  ask_all(*env_.hooks, "on_subscribe", what, [](hooks& h, entering& w) { h.on_subscribe(w); });
  if (what.refused()) {
    refuse(id, what.code(), what.message());
    return false;
  }
  reply = std::move(what.reply);
  return true;
}

bool client::publish_hook(std::uint32_t id, const protocol::publish_command& c, std::string& data) {
  sending what;
  what.who = as_caller();
  what.channel = c.channel;
  what.data = std::move(data);
  what.binary = c.binary;
  ask_all(*env_.hooks, "on_publish", what, [](hooks& h, sending& w) { h.on_publish(w); });
  if (what.refused()) {
    refuse(id, what.code(), what.message());
    return false;
  }
  data = std::move(what.data);
  return true;
}

bool client::rpc_hook(std::uint32_t id, const protocol::rpc_command& c) {
  asking what;
  what.who = as_caller();
  what.method = c.method;
  what.data = c.data;
  ask_all(*env_.hooks, "on_rpc", what, [](hooks& h, asking& w) {
    if (!w.answered) h.on_rpc(w);
  });
  if (what.refused()) {
    refuse(id, what.code(), what.message());
    return true;
  }
  if (what.answered) send(id, protocol::rpc_reply{what.reply.empty() ? "{}" : std::move(what.reply)});
  return what.answered;
}

void client::joined_hook(const std::string& channel) {
  const auto who = as_caller();
  entry_call what{{}, who, channel};
  ask_all(*env_.hooks, "on_join", what, [](hooks& h, entry_call& w) { h.on_join(w.who, w.channel); });
}

void client::left_hook(const std::string& channel) {
  const auto who = as_caller();
  entry_call what{{}, who, channel};
  ask_all(*env_.hooks, "on_leave", what, [](hooks& h, entry_call& w) { h.on_leave(w.who, w.channel); });
}

// -- RPCs to channel actors

void client::call_actor(std::uint32_t id, const protocol::rpc_command& c, moment) {
  const auto dot = c.method.find('.');
  const auto name = c.method.substr(0, dot);
  if (!env_.actors || dot == std::string_view::npos || !env_.actors->knows(name)) {
    refuse(id, error_code::not_available);
    return;
  }
  std::string_view channel, key;
  bool found = false;
  if (!c.binary && !c.data.empty()) {
    protocol::json::reader read(c.data);
    const bool good = read.object([&](std::string_view field) {
      if (field == "channel") {
        found = true;
        return read.string(channel);
      }
      return field == "idempotency_key" ? read.string(key) : read.skip();
    });
    found = found && good;
  }
  if (!found || channel.empty() || key.size() > most_key) {
    refuse(id, error_code::bad_request);
    return;
  }
  const auto* options = options_for(id, channel);
  if (!options) return;
  if (options->actor != name) {
    refuse(id, error_code::not_available);
    return;
  }
  auto* s = find(channel);
  if (!s || !s->open) {
    refuse(id, error_code::permission_denied);
    return;
  }
  extension::command what;
  what.what = extension::command::kind::call;
  what.who = {id_, user_, conn_info_, {}};
  what.verb = c.method.substr(dot + 1);
  what.data = c.data;
  // A key is a user's own: another's can't be guessed into its answers.
  if (!key.empty()) what.key = (user_.empty() ? id_ : user_) + '\0' + std::string(key);
  env_.actors->submit(channel, std::move(what), [to = promise_large(id)](const extension::delivered& got) {
    if (got.what.code != 0)
      to->refuse(static_cast<error_code>(got.what.code), got.what.message);
    else
      to->tell(protocol::rpc_reply{got.what.data.empty() ? "{}" : got.what.data});
  });
}

} // namespace plexus::connection
