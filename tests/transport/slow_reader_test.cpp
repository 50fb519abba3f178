// A reader that is too slow, through the whole transport, with a client that reads when the test says so.
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

using namespace plexus;

namespace {

std::shared_ptr<const config::settings> settings() {
  auto all = std::make_shared<config::settings>();
  all->client.insecure = true;
  all->client.max_queue_size = 100'000;
  all->client.ping_interval = {};
  return all;
}

/// One loop with one client that is subscribed to "c".
class world {
public:
  world() :
      plane_(
          std::make_shared<backplane::memory_store>(), "node", listener_,
          [this](std::string_view, backplane::backplane::task work) { home().post(std::move(work)); },
          [] { return std::chrono::milliseconds(1); }),
      channels_(loops_, plane_, settings_),
      transport(home(), site_, limit_) {
    limit_.max = 10;
    auto actor = runtime::spawn_on<transport::transport_actor>(home(), transport);
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
  ~world() {
    ::close(ends_[1]);
    turn();
  }

  void publish(int n) {
    auto p = std::make_shared<protocol::publication>();
    p->data = "{\"n\":" + std::to_string(n) + ",\"x\":\"" + std::string(30'000, 'x') + "\"}";
    transport.table().emit(std::make_shared<const protocol::broadcast>(
        std::make_shared<const std::string>("c"), protocol::publication_push{p}, std::chrono::steady_clock::now()));
  }
  void turn(int times = 5) {
    for (int i = 0; i < times; ++i) home().turn(false);
  }
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
  void command(std::string_view text) {
    say(std::string{'\x81', static_cast<char>(0x80 | text.size()), 0, 0, 0, 0} + std::string(text));
  }

  std::shared_ptr<const config::settings> settings_ = settings();
  runtime::runtime loops_{1};
  backplane::deaf_listener listener_;
  backplane::memory_backplane plane_;
  channel::channel_router channels_;
  connection::directory clients_{1};
  transport::site site_;
  transport::client_limit limit_;
  std::array<int, 2> ends_{};

public:
  transport::loop_transport transport;
};

} // namespace

TEST_CASE("nothing reaches a slow reader behind what was dropped: it would recover past the hole") {
  world w;
  for (int n = 1; n <= 100; ++n) {
    w.publish(n);
    w.turn(1);
  }
  const auto got = w.read();
  int last = 0;
  std::size_t at = 0;
  while (at < got.size() && got[at] == '\x81') {
    REQUIRE(got[at + 1] == 126);
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(got[at + 2])) << 8U |
                      static_cast<unsigned char>(got[at + 3]);
    const auto number = got.find("\"n\":", at);
    REQUIRE(number < at + size);
    CHECK(std::stoi(got.substr(number + 4, 4)) == ++last);
    at += 4 + size;
  }
  CHECK(last > 0);
  CHECK(last < 100);
  CHECK(got.substr(at) == std::string("\x88\x06\x0b\xc0slow"));
}
