#pragma once
// A node without sockets: one loop that the test itself turns, a memory backplane and the API in front.

#include "actors/channel/channel_actor.hpp"
#include "actors/channel/delivery.hpp"
#include "actors/connection/connection_actor.hpp"
#include "actors/connection/directory.hpp"
#include "actors/protocol/json_codec.hpp"
#include "backplane/memory_backplane.hpp"
#include "tests/actors/connection/signed_token.hpp"
#include "transport/api/api_handler.hpp"

#include <caf/send.hpp>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plexus::test {

using namespace std::chrono_literals;
namespace http = transport::http;
using nlohmann::json;

inline config::settings api_settings() {
  config::settings all;
  all.api.key = "secret";
  all.client.anonymous = true;
  all.client.ping_interval = 0ms;
  all.client.token.hmac_secrets = {"token secret"};
  all.client.max_channel_length = 20;
  all.client.max_history_page = 3;
  config::channel_options log;
  log.history_size = 10;
  log.history_ttl = 60s;
  all.namespaces["log"] = log;
  config::channel_options room;
  room.presence = true;
  all.namespaces["room"] = room;
  return all;
}

/// There are no other nodes to hear of; notices are for `env`, where there is one.
struct api_listener final : backplane::listener {
  void published(const std::string&, protocol::publication_ptr) override {}
  void presence_changed(const std::string&, const backplane::presence_change&) override {}
  void in_doubt(const std::string&) override {}
  void presence_in_doubt(const std::string&) override {}
  void noticed(const backplane::notice& now) override {
    if (env != nullptr) env->denied.apply(now, env->clients.on(env->home));
  }
  void notices_are(const std::vector<backplane::notice>& all) override {
    if (env != nullptr) env->denied.replace(all, env->clients.on(env->home));
  }
  connection::client_environment* env = nullptr;
};

/// What clients were told, by their session's slot.
struct fake_port final : connection::client_port {
  void send(connection::session_id to, std::string_view bytes) override { sent[to.slot].emplace_back(bytes); }
  void hold(connection::session_id) override {}
  void release(connection::session_id who, std::string_view first, channel::reply_room::share) override {
    send(who, first);
  }
  void dismiss(connection::session_id, std::string_view) override {}
  void close(connection::session_id who, std::uint16_t code, std::string_view reason) override {
    closed[who.slot] = std::to_string(code) + " " + std::string(reason);
  }
  std::map<unsigned, std::vector<std::string>> sent;
  std::map<unsigned, std::string> closed;
};

class fake_transport final : public runtime::pinned_actor {
public:
  fake_transport(caf::actor_config& config, runtime::loop& home, fake_port& to) :
      runtime::pinned_actor(config, home, "transport"), to_(to) {}
  caf::behavior make_behavior() override {
    return {
        [this](const channel::admit& m) {
          to_.send(m.to, m.bytes);
          if (m.then) m.then();
        },
        [this](const channel::deliver& m) {
          to_.send(m.to, m.bytes);
          if (m.then) m.then();
        },
        [](const channel::fan_out&) {},
        [](const channel::dissolve&) {},
    };
  }

private:
  fake_port& to_;
};

class api_node {
public:
  explicit api_node(config::settings all = api_settings()) :
      settings(std::make_shared<const config::settings>(std::move(all))),
      plane(
          std::make_shared<backplane::memory_store>(), "node", listener,
          [this](std::string_view channel, backplane::backplane::task work) { loops.of(channel).post(work); },
          [] { return backplane::milliseconds{1'000'000}; }),
      nodes(loops, plane, "name"),
      channels(loops, plane, settings),
      clients(1),
      env{loops.at(0),
          port,
          runtime::spawn_on<fake_transport>(loops.at(0), port),
          channels,
          clients,
          settings,
          std::make_shared<connection::token_verifier>(settings->client.token),
          "1.0"},
      api(loops, channels, clients, plane, nodes, [this] { return settings; }, {"uid", "name", "1.0"}) {
    channels.connect_transports({env.transport});
    listener.env = &env;
  }

  ~api_node() {
    for (auto& each : connections) caf::anon_send(each, connection::lost{});
    connections.clear();
    turn();
    for (const auto& [name, entry] : channels.table(loops.at(0)).all())
      caf::anon_send_exit(entry.actor, caf::exit_reason::user_shutdown);
    turn();
  }

  void turn() {
    for (int i = 0; i < 20; ++i) loops.at(0).turn(false);
  }

  http::response ask(http::request what) {
    std::vector<http::response> answers;
    api.handle(what, [&](http::response answer) { answers.push_back(std::move(answer)); });
    for (int i = 0; i < 1000 && answers.empty(); ++i) loops.at(0).turn(false);
    turn(); // a second answer would come now
    REQUIRE(answers.size() == 1);
    return answers.front();
  }

  http::request request(const std::string& path, const std::string& body) const {
    return {"POST", path, "", {{"x-api-key", "secret"}}, body};
  }

  /// The body of `POST /api/METHOD`, which must be JSON with status 200.
  std::string call(const std::string& method, const std::string& body) {
    auto answer = ask(request("/api/" + method, body));
    CHECK(answer.status == 200);
    CHECK(answer.content_type == "application/json");
    return answer.body;
  }
  json result(const std::string& method, const std::string& body) {
    auto answer = json::parse(call(method, body));
    INFO(answer.dump());
    REQUIRE(answer.contains("result"));
    return answer["result"];
  }
  /// The error's code, or 0 for a result.
  int error(const std::string& method, const std::string& body) {
    auto answer = json::parse(call(method, body));
    return answer.contains("error") ? answer["error"]["code"].get<int>() : 0;
  }

  /// Connects a client and returns its slot.
  unsigned connect(const std::string& user) {
    const auto slot = static_cast<unsigned>(connections.size());
    auto who =
        runtime::spawn_on<connection::connection_actor>(loops.at(0), env, connection::session_id{slot, 1}, codec);
    json command{{"id", 1}, {"connect", json::object()}};
    if (!user.empty())
      command["connect"]["token"] =
          connection::mint_token(settings->client.token, user, "", 0s, "", connection::moment::now().unix_seconds);
    caf::anon_send(who, connection::inbound{protocol::padded_text(command.dump())});
    connections.push_back(who);
    turn();
    REQUIRE(port.sent[slot].size() == 1);
    return slot;
  }
  /// The id in the connect reply.
  std::string client_id(unsigned slot) {
    return json::parse(port.sent[slot].front())["connect"]["client"].get<std::string>();
  }
  /// What a client was told after its connect reply.
  std::vector<std::string> told(unsigned slot) {
    auto& all = port.sent[slot];
    return {all.begin() + 1, all.end()};
  }

  runtime::runtime loops{1};
  std::shared_ptr<const config::settings> settings;
  api_listener listener;
  backplane::memory_backplane plane;
  cluster::cluster nodes;
  channel::channel_router channels;
  connection::directory clients;
  fake_port port;
  protocol::json_codec codec;
  connection::client_environment env;
  std::vector<caf::actor> connections;
  transport::api::api_handler api;
};

} // namespace plexus::test
