#pragma once
// A loop's whole transport, and a peer that says bytes to it and reads when the test wants.

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

class talking_world {
public:
  talking_world() :
      plane_(
          std::make_shared<plexus::backplane::memory_store>(), "node", listener_,
          [this](std::string_view, plexus::backplane::backplane::task work) { home().post(std::move(work)); },
          [] { return std::chrono::milliseconds(1); }),
      channels_(loops_, plane_, settings_),
      transport(home(), site, limit_) {
    limit_.max = 10;
    auto actor = runtime::spawn_on<transport_actor>(home(), transport);
    channels_.connect_transports({actor});
    transport.connect(std::make_unique<connection::client_environment>(
        connection::client_environment{home(), transport, actor, channels_, clients_, settings_,
                                       std::make_shared<connection::token_verifier>(settings_->client.token), ""}));
  }
  ~talking_world() { leave(); }

  /// A new connection; one before is left.
  void come() {
    leave();
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    peer_ = ends[1];
    ++transport.sockets;
    transport.adopt_socket(ends[0], false);
  }
  void leave() {
    if (peer_ < 0) return;
    ::close(std::exchange(peer_, -1));
    turn();
  }
  /// How much of it the node took.
  std::size_t say(std::string_view bytes) {
    std::size_t said = 0;
    while (said < bytes.size()) {
      const auto n = ::send(peer_, bytes.data() + said, bytes.size() - said, MSG_NOSIGNAL);
      if (n < 0) break;
      said += static_cast<std::size_t>(n);
      turn(1);
    }
    turn();
    return said;
  }
  std::string read() {
    std::string got;
    std::array<char, 65'536> buffer;
    for (int quiet = 0; quiet < 3; ++quiet) {
      turn();
      for (ssize_t n = 0; (n = ::recv(peer_, buffer.data(), buffer.size(), 0)) > 0; quiet = 0)
        got.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return got;
  }
  /// A connection of its own, and all that is answered.
  std::string ask(std::string_view bytes) {
    come();
    say(bytes);
    return read();
  }
  void turn(int times = 5) {
    for (int i = 0; i < times; ++i) home().turn(false);
  }
  runtime::loop& home() { return loops_.at(0); }

private:
  std::shared_ptr<config::settings> settings_ = std::make_shared<config::settings>();
  runtime::runtime loops_{1};
  plexus::backplane::deaf_listener listener_;
  plexus::backplane::memory_backplane plane_;
  channel::channel_router channels_;
  connection::directory clients_{1};
  client_limit limit_;
  int peer_ = -1;

public:
  transport::site site; ///< filled by the test
  loop_transport transport;
};

} // namespace plexus::transport::testing
