#pragma once
// A node's inside for inspection, without sockets and threads: one loop that the test turns.

#include "actors/admin/office.hpp"
#include "actors/admin/session.hpp"
#include "backplane/memory_backplane.hpp"
#include "tests/actors/connection/signed_token.hpp"
#include "transport/transport_actor.hpp"

#include <nlohmann/json.hpp>

#include <deque>

namespace plexus::admin::testing {

using plexus::test::signed_hs256;

struct deaf_listener final : plexus::backplane::listener {
  void published(const std::string&, protocol::publication_ptr) override {}
  void presence_changed(const std::string&, const plexus::backplane::presence_change&) override {}
  void in_doubt(const std::string&) override {}
  void presence_in_doubt(const std::string&) override {}
};

struct still_host final : host {
  std::shared_ptr<config::settings> conf = std::make_shared<config::settings>();
  bool drained = false;
  still_host() {
    conf->admin_secret = "hush";
    conf->client.insecure = true;
    conf->default_channel.history_size = 10;
    conf->default_channel.history_ttl = std::chrono::seconds(10);
    conf->default_channel.presence = true;
  }
  std::shared_ptr<const config::settings> settings() const override { return conf; }
  std::shared_ptr<const connection::token_verifier> verifier() const override {
    return std::make_shared<connection::token_verifier>(conf->client.token);
  }
  condition now() const override { return {drained ? "drained" : "serving", 0, 10, {}, {}}; }
  std::vector<runtime::metrics::sample> samples() const override { return {}; }
  void drain(bool on, std::function<void(std::string)> done) override {
    drained = on;
    done({});
  }
  void reload(std::function<void(reloaded)> done) override { done({"no configuration here", {}, {}}); }
};

/// This node and whatever others a test wants.
struct told_peers final : peers {
  std::function<void(std::string_view, std::function<void(std::string)>)> own;
  answers others; ///< what the other nodes say to everything
  void ask(std::string, std::string body, std::chrono::milliseconds, done then) override {
    own(body, [this, then](std::string answer) {
      auto all = others;
      all.from.insert(all.from.begin(), reply{"here", std::move(answer)});
      then(std::move(all));
    });
  }
};

class world {
public:
  /// `threads`: for what is done aside; null: it is done at once.
  explicit world(extension::aside_pool* threads = nullptr) :
      threads_(threads),
      plane_(
          std::make_shared<plexus::backplane::memory_store>(), "here", listener_,
          [this](std::string_view channel, plexus::backplane::backplane::task work) {
            loops_.of(channel).post(std::move(work));
          },
          [] {
            return std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::system_clock::now().time_since_epoch());
          }),
      channels_(loops_, plane_, node.conf),
      transport_(loops_.at(0), site_, limit_) {
    loops_.at(0).own();
    limit_.max = 1000;
    actor_ = runtime::spawn_on<transport::transport_actor>(loops_.at(0), transport_);
    channels_.connect_transports({actor_});
    transport_.connect(std::make_unique<connection::client_environment>(
        connection::client_environment{loops_.at(0), transport_, actor_, channels_, clients_, node.conf,
                                       std::make_shared<connection::token_verifier>(node.conf->client.token), ""}));
    others.own = [this](std::string_view body, std::function<void(std::string)> respond) {
      asks.serve(body, std::move(respond));
    };
  }
  ~world() {
    // As a node does: actors are ended while what they refer to is there.
    std::vector<caf::actor> all;
    for (auto& [name, entry] : channels_.table(loops_.at(0)).all()) all.push_back(entry.actor);
    for (auto& one : all) caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
    actor_ = nullptr;
    all.clear();
    turn();
    loops_.at(0).release();
  }

  void turn() {
    for (int i = 0; i < 12; ++i) loops_.at(0).turn(false);
  }
  /// What is answered, once the loop has turned.
  json ask(std::string_view method, const json& with, access may = access::write) {
    json got;
    asks.run(method, with, {may, "a test"}, [&got](json what) { got = std::move(what); });
    turn();
    return got;
  }
  /// As a notice of another node does.
  void deny(connection::denial_kind what, const std::string& name) {
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    transport_.environment().denied.apply({connection::denial_key(what, name), now.count(), now * 2},
                                          clients_.on(home()));
  }
  runtime::loop& home() { return loops_.at(0); }
  /// For one more client.
  desk_room room() {
    seats.enter({});
    return {env, asks, door, seats};
  }

  still_host node;
  told_peers others;

private:
  extension::aside_pool* threads_;
  runtime::runtime loops_{1};
  deaf_listener listener_;
  plexus::backplane::memory_backplane plane_;
  channel::channel_router channels_;
  connection::directory clients_{1};
  transport::site site_;
  transport::client_limit limit_;
  transport::loop_transport transport_;
  caf::actor actor_;

public:
  environment env{loops_, channels_, clients_, plane_, {&transport_}, node, "uid-of-this-node", "here", "1.0"};
  desk own{env, workroom(threads_)};
  office asks{env, own, others, workroom(threads_)};
  gate door;
  places seats;
};

/// A socket that keeps what is said to it.
struct kept_socket final : transport::message_socket {
  explicit kept_socket(runtime::loop& on) : loop(on) {}
  void send(std::string text) override { said.push_back(json::parse(text)); }
  void close(std::uint16_t code, std::string_view) override { closed = code; }
  void set_timer(std::chrono::milliseconds from_now) override { timer = from_now; }
  void ping() override {}
  void drop() override {
    dropped = true;
    closed = 1008;
  }
  void settle() override { settled = true; }
  std::size_t waiting() const noexcept override { return unread; }
  std::uint64_t sent() const noexcept override { return read; }
  runtime::loop& home() const noexcept override { return loop; }
  config::ip_address client() const override { return {}; }
  std::string peer() const override { return "192.0.2.1"; }

  runtime::loop& loop;
  std::deque<json> said;
  std::uint16_t closed = 0;
  bool dropped = false, settled = false;
  std::size_t unread = 0;
  std::uint64_t read = 0;
  std::chrono::milliseconds timer{0};
};

} // namespace plexus::admin::testing
