// The WebSocket of a service through the whole transport: who floods it, who doesn't read, who is gone.
#include "tests/transport/talking_world.hpp"
#include "transport/message_socket.hpp"

using namespace plexus;
using namespace plexus::transport;

namespace {

class echoing final : public socket_service {
public:
  struct end final : socket_end {
    explicit end(echoing& of, message_socket& with) : owner(of), socket(with) { owner.current = this; }
    void on_message(std::string_view text) override { socket.send(std::string(text)); }
    void on_timer() override {}
    void on_gone() override { owner.current = nullptr; }
    echoing& owner;
    message_socket& socket;
  };
  bool on() const override { return true; }
  std::size_t max_message() const noexcept override { return 65'536; }
  std::size_t max_waiting() const noexcept override { return 1'000'000; }
  std::unique_ptr<socket_end> open(message_socket& with) override { return std::make_unique<end>(*this, with); }

  end* current = nullptr;
};

struct fixture : transport::testing::talking_world {
  std::shared_ptr<echoing> service = std::make_shared<echoing>();
  fixture() {
    site.add_socket("/service", site::port::everywhere, service);
    const auto got = ask("GET /service HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
    REQUIRE(got.starts_with("HTTP/1.1 101 "));
    REQUIRE(service->current != nullptr);
  }
  ~fixture() { leave(); }

  static std::string frame(unsigned char kind, std::string_view payload) {
    std::string out{static_cast<char>(0x80U | kind)};
    if (payload.size() < 126) {
      out += static_cast<char>(0x80U | payload.size());
    } else {
      out += '\xfe';
      out += static_cast<char>(payload.size() >> 8U);
      out += static_cast<char>(payload.size() & 0xffU);
    }
    return out + std::string(4, '\0') + std::string(payload);
  }
};

constexpr unsigned char text = 1, ping = 9, pong = 10;

} // namespace

TEST_CASE_FIXTURE(fixture, "pings are answered; who floods with them and reads nothing is dropped soon") {
  say(frame(ping, "hello"));
  CHECK(read() == std::string("\x8a\x05hello"));
  const std::string few = [] {
    std::string out;
    for (int i = 0; i < 100; ++i) out += frame(ping, std::string(125, 'x'));
    return out;
  }();
  std::size_t most = 0;
  for (int i = 0; i < 1000 && service->current; ++i) {
    say(few);
    if (service->current) most = std::max(most, service->current->socket.waiting());
  }
  CHECK(service->current == nullptr);
  CHECK(most < 100'000);
}

TEST_CASE_FIXTURE(fixture, "who asks and doesn't read is dropped at the service's bound") {
  const auto large = frame(text, std::string(60'000, 'x'));
  std::size_t most = 0;
  for (int i = 0; i < 1000 && service->current; ++i) {
    say(large);
    if (service->current) most = std::max(most, service->current->socket.waiting());
  }
  CHECK(service->current == nullptr);
  CHECK(most > 500'000);
  CHECK(most <= 1'000'000);
}

TEST_CASE_FIXTURE(fixture, "who gives no sign of life for two pings is dropped") {
  service->current->socket.ping();
  service->current->socket.ping();
  say(frame(pong, ""));
  service->current->socket.ping();
  service->current->socket.ping();
  turn();
  REQUIRE(service->current != nullptr);
  service->current->socket.ping();
  CHECK(service->current == nullptr);
  CHECK(read().ends_with("no sign of life"));
}
