// The transport alone as an echo server, for test suites that speak to one: the real acceptor, links, HTTP stage,
// handshake and WebSocket sessions, with every message sent back instead of given to a connection actor. Answers at
// every path.

#include "actors/channel/router.hpp"
#include "actors/connection/directory.hpp"
#include "backplane/memory_backplane.hpp"
#include "transport/acceptor.hpp"
#include "transport/websocket/session.hpp"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>

using namespace plexus;

namespace {

constexpr std::size_t max_message = 16 << 20;

class echo_session final : public transport::websocket_session {
public:
  using websocket_session::websocket_session;

private:
  bool on_message(transport::websocket::opcode kind, protocol::padded_text message) override {
    std::string frame, packed;
    using namespace transport::websocket;
    if (deflate != 0 && deflate_message(packed, message.view(), window_for(message.size(), deflate))) {
      append_header(frame, kind, packed.size(), true);
      frame.append(packed);
    } else {
      append_header(frame, kind, message.size());
      frame.append(message.view());
    }
    on().out().append(frame);
    on().mark_dirty();
    return true;
  }
};

class echo_transport final : public transport::loop_transport {
public:
  using loop_transport::loop_transport;

private:
  std::unique_ptr<transport::websocket_session> make_session(transport::link& l, connection::session_id id,
                                                             bool with_deflate) override {
    return std::make_unique<echo_session>(*this, l, id, max_message, with_deflate);
  }
};

struct deaf_listener final : backplane::listener {
  void published(const std::string&, protocol::publication_ptr) override {}
  void presence_changed(const std::string&, const backplane::presence_change&) override {}
  void in_doubt(const std::string&) override {}
  void presence_in_doubt(const std::string&) override {}
};

/// What a loop_transport asks for besides; nothing of it is used.
class echo {
public:
  echo(std::shared_ptr<const config::settings> all, std::uint16_t port) :
      settings_(std::move(all)),
      plane_(
          std::make_shared<backplane::memory_store>(), "echo", listener_,
          [](std::string_view, const backplane::backplane::task&) {}, [] { return std::chrono::milliseconds(0); }),
      channels_(loops_, plane_, settings_),
      transport_(loops_.at(0), site_, limit_) {
    site_.set_websocket("");
    limit_.max = SIZE_MAX;
    transport_.connect(std::make_unique<connection::client_environment>(
        connection::client_environment{loops_.at(0), transport_, nullptr, channels_, clients_, settings_,
                                       std::make_shared<connection::token_verifier>(settings_->client.token), ""}));
    acceptor_ = std::make_unique<transport::acceptor>(
        loops_.at(0), std::vector<transport::loop_transport*>{&transport_}, "127.0.0.1", port, false, 1000);
  }

  /// Until a signal comes.
  void run() {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    loops_.at(0).post([this] { acceptor_->start(); });
    loops_.start();
    std::printf("ws_echo: ws://127.0.0.1:%u/\n", static_cast<unsigned>(acceptor_->port()));
    std::fflush(stdout);
    int which = 0;
    sigwait(&ends, &which);
    loops_.at(0).post([this] {
      acceptor_->stop();
      transport_.shut();
    });
    loops_.stop();
  }

private:
  std::shared_ptr<const config::settings> settings_;
  runtime::runtime loops_{1};
  deaf_listener listener_;
  backplane::memory_backplane plane_;
  channel::channel_router channels_;
  connection::directory clients_{1};
  transport::site site_;
  transport::client_limit limit_;
  echo_transport transport_;
  std::unique_ptr<transport::acceptor> acceptor_;
};

} // namespace

int main(int count, char** words) {
  std::uint16_t port = 0;
  auto all = std::make_shared<config::settings>();
  all->client.allowed_origins = {"*"};
  all->client.compression = true; // for who offers it
  all->client.max_queue_size = 0;
  all->client.connect_timeout = {}; // nobody sends a command here
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(words[i], "--compression") == 0) continue; // as it is anyway
    if (std::strcmp(words[i], "--port") == 0 && i + 1 < count) {
      port = static_cast<std::uint16_t>(std::strtoul(words[++i], nullptr, 10));
    } else {
      std::fputs(
          "usage: ws_echo [--port PORT]\n"
          "Echoes WebSocket messages up to 16 MiB on 127.0.0.1, with permessage-deflate for who offers it; prints\n"
          "its address. Port 0: any.\n",
          stderr);
      return 2;
    }
  }
  try {
    echo(std::move(all), port).run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "ws_echo: %s\n", e.what());
    return 1;
  }
}
