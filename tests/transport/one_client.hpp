#pragma once
// One loop of the whole transport with one client that reads when the test says so.

#include "actors/connection/directory.hpp"
#include "backplane/memory_backplane.hpp"
#include "backplane/memory_store.hpp"
#include "tests/backplane/silent_backplane.hpp"
#include "transport/loop_transport.hpp"
#include "transport/transport_actor.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace plexus::transport::testing {

/// Everybody may do everything, and nobody is pinged.
inline config::settings open_settings() {
  config::settings all;
  all.client.insecure = true;
  all.client.ping_interval = {};
  return all;
}

/// The client is connected and subscribed to "c".
class one_client {
public:
  explicit one_client(const config::settings& all) :
      settings_(std::make_shared<const config::settings>(all)),
      plane_(
          std::make_shared<backplane::memory_store>(), "node", listener_,
          [this](std::string_view, backplane::backplane::task work) { home().post(std::move(work)); },
          [] { return std::chrono::milliseconds(1); }),
      channels_(loops_, plane_, settings_),
      transport(home(), site_, limit_) {
    limit_.max = 10;
    actor = runtime::spawn_on<transport_actor>(home(), transport);
    channels_.connect_transports({actor});
    transport.connect(std::make_unique<connection::client_environment>(
        connection::client_environment{home(), transport, actor, channels_, clients_, settings_,
                                       std::make_shared<connection::token_verifier>(settings_->client.token), ""}));
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_.data()) == 0);
    ++transport.sockets;
    transport.adopt_socket(ends_[0], false);
    say("GET /connection/websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
    command(R"({"id":1,"connect":{}})");
    command(R"({"id":2,"subscribe":{"channel":"c"}})");
    const auto got = read();
    REQUIRE(got.find(R"("subscribe":{)") != std::string::npos);
  }
  ~one_client() {
    ::close(ends_[1]);
    turn();
  }

  /// To the client as a subscriber, past channel and backplane.
  void push(int n) {
    auto p = std::make_shared<protocol::publication>();
    p->data = payload(n);
    transport.table().emit(std::make_shared<const protocol::broadcast>(
        std::make_shared<const std::string>("c"), protocol::publication_push{p}, std::chrono::steady_clock::now()));
  }
  /// Into a channel's log.
  void append(const std::string& channel, int n) {
    backplane::draft what;
    what.data = payload(n);
    const auto& options = *settings_->options_of(channel);
    plane_.append(channel, {options.history_size, options.history_ttl}, std::move(what), [](const auto&) {});
    turn();
  }
  static std::string payload(int n) {
    return "{\"n\":" + std::to_string(n) + ",\"x\":\"" + std::string(30'000, 'x') + "\"}";
  }

  void turn(int times = 5) {
    for (int i = 0; i < times; ++i) home().turn(false);
  }
  void command(std::string_view text) {
    REQUIRE(text.size() < 126);
    say(std::string{'\x81', static_cast<char>(0x80 | text.size()), 0, 0, 0, 0} + std::string(text));
  }
  /// All that comes.
  std::string read() {
    std::string got;
    std::array<char, 65'536> buffer;
    for (int quiet = 0; quiet < 3; ++quiet) {
      turn();
      for (ssize_t n = 0; (n = ::recv(ends_[1], buffer.data(), buffer.size(), 0)) > 0; quiet = 0)
        got.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return got;
  }

private:
  runtime::loop& home() { return loops_.at(0); }
  void say(std::string_view bytes) {
    REQUIRE(::send(ends_[1], bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    turn();
  }

  std::shared_ptr<const config::settings> settings_;
  runtime::runtime loops_{1};
  backplane::deaf_listener listener_;
  backplane::memory_backplane plane_;
  channel::channel_router channels_;
  connection::directory clients_{1};
  site site_;
  client_limit limit_;
  std::array<int, 2> ends_{};

public:
  loop_transport transport;
  caf::actor actor;
};

/// What the node says last to a slow reader.
constexpr std::string_view closed_as_slow{"\x88\x06\x0b\xc0slow", 8};

} // namespace plexus::transport::testing
