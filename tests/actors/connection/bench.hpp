#pragma once
// One client with a port that notes, channels on a backplane that throws when it is told to; one loop that the test
// turns.

#include "actors/connection/connection_actor.hpp"
#include "actors/connection/directory.hpp"
#include "tests/backplane/silent_backplane.hpp"

#include <caf/send.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace plexus::connection::testing {

namespace bp = plexus::backplane;

/// What the client was told, in order; a close as "close CODE".
struct string_port final : client_port {
  void send(session_id, std::string_view bytes) override {
    if (std::exchange(broken, false)) throw std::runtime_error("on purpose");
    said.emplace_back(bytes);
  }
  void hold(session_id) override {}
  void release(session_id who, std::string_view first, channel::reply_room::share) override { send(who, first); }
  void dismiss(session_id, std::string_view) override {}
  void close(session_id, std::uint16_t code, std::string_view) override {
    said.push_back("close " + std::to_string(code));
  }
  progress progress_of(session_id) override { return seen; }

  /// And forgets it.
  std::string all() {
    std::string out;
    for (auto& one : std::exchange(said, {})) out += one + "\n";
    return out;
  }
  std::vector<std::string> said;
  progress seen{};
  bool broken = false; ///< the next message throws
};

/// The loop's transport with this one client.
class noting_transport final : public runtime::pinned_actor {
public:
  noting_transport(caf::actor_config& config, runtime::loop& home, string_port& to, caf::actor& client) :
      runtime::pinned_actor(config, home, "transport"), to_(to), client_(client) {}
  caf::behavior make_behavior() override {
    const auto pass_on = [this](const auto& m) {
      if (!m.bytes.empty()) to_.said.push_back(m.bytes);
      if (m.then) m.then();
    };
    return {
        [pass_on](const channel::admit& m) { pass_on(m); },
        [pass_on](const channel::deliver& m) { pass_on(m); },
        [](const channel::fan_out&) {},
        [this](const channel::dissolve& m) { caf::anon_send(client_, dissolved{*m.channel}); },
    };
  }

private:
  string_port& to_;
  caf::actor& client_;
};

/// Everything goes well at once, but for what it is told to throw at.
class faulty_plane final : public backplane::silent_backplane {
public:
  void subscribe(const std::string&, const bp::retention&, bp::answer<protocol::position> done) override {
    at("subscribe");
    if (answers) done(protocol::position{});
  }
  void append(const std::string&, const bp::retention&, bp::draft, bp::answer<bp::appended>) override {
    at("append");
  }
  void enter(const std::string&, protocol::client_info who, bp::answer<bp::presence_change> done) override {
    at("enter");
    members_.push_back(who);
    done(bp::presence_change{bp::presence_change::kind::joined, who, members_.size(), ""});
  }
  void members(const std::string&, bp::answer<bp::presence_snapshot> done) override {
    done(bp::presence_snapshot{});
  }
  std::string throws;  ///< the call that throws, once
  bool answers = true; ///< false: nobody who subscribes hears of it
  /// The last state of whoever entered.
  std::string state() const { return members_.empty() ? "" : members_.back().channel_info; }

private:
  void at(const char* call) {
    if (throws != call) return;
    throws.clear();
    throw std::runtime_error("on purpose");
  }
  std::vector<protocol::client_info> members_;
};

class bench {
public:
  explicit bench(const config::settings& all = open()) : settings_(std::make_shared<const config::settings>(all)) {
    loops_.at(0).own();
    env.transport = runtime::spawn_on<noting_transport>(home(), port, actor);
    channels_.connect_transports({env.transport});
    actor =
        runtime::spawn_on<connection_actor>(home(), env, session_id{}, protocol::codec_for(protocol::format::json));
  }
  ~bench() {
    caf::anon_send(actor, lost{});
    turn();
    std::vector<caf::actor> all;
    for (auto& [name, entry] : channels_.table(home()).all()) all.push_back(entry.actor);
    for (auto& each : all) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    all.clear();
    turn();
    caf::anon_send_exit(env.transport, caf::exit_reason::user_shutdown);
    turn();
    loops_.at(0).release();
  }

  static config::settings open() {
    config::settings all;
    all.client.insecure = true;
    all.default_channel.presence = true;
    all.default_channel.history_size = 10;
    all.default_channel.history_ttl = std::chrono::hours(1);
    return all;
  }

  /// Several commands in one message, all handled before anything else happens.
  std::string say(const std::string& commands) {
    caf::anon_send(actor, inbound{protocol::padded_text(commands)});
    turn();
    return port.all();
  }
  void turn() {
    for (int i = 0; i < 20; ++i) home().turn(false);
  }
  runtime::loop& home() { return loops_.at(0); }

private:
  std::shared_ptr<const config::settings> settings_;
  runtime::runtime loops_{1};

public:
  faulty_plane plane;
  string_port port;
  directory clients{1};

private:
  channel::channel_router channels_{loops_, plane, settings_};

public:
  client_environment env{
      home(), port, {}, channels_, clients, settings_, std::make_shared<token_verifier>(settings_->client.token),
      ""};
  caf::actor actor;
};

} // namespace plexus::connection::testing
