// Bytes on a socket: HTTP, the handshake, frames and commands, through the real transport and everything behind it.
// What comes back is of the protocol, and nothing is left once the peer is gone. Input: flags, a seed for the cuts,
// the bytes; the flags can have a handshake sent before.

#include "actors/connection/directory.hpp"
#include "actors/runtime/pinned_actor.hpp"
#include "backplane/memory_backplane.hpp"
#include "tests/fuzz/input.hpp"
#include "transport/http/head.hpp"
#include "transport/loop_transport.hpp"
#include "transport/transport_actor.hpp"
#include "transport/websocket/deflate.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

using namespace plexus;

namespace {

struct deaf_listener final : backplane::listener {
  void published(const std::string&, protocol::publication_ptr) override {}
  void presence_changed(const std::string&, const backplane::presence_change&) override {}
  void in_doubt(const std::string&) override {}
  void presence_in_doubt(const std::string&) override {}
};

/// Answers at once, or in a later turn.
class answering final : public transport::http::handler {
public:
  answering(runtime::loop& home, bool later) : home_(home), later_(later) {}
  void handle(const transport::http::request& what, transport::http::respond done) override {
    auto answer = transport::http::sentence(200, std::to_string(what.body.size()) + " bytes.");
    if (later_)
      home_.post([done = std::move(done), answer] { done(answer); });
    else
      done(answer);
  }

private:
  runtime::loop& home_;
  bool later_;
};

class world {
public:
  world() :
      plane_(
          std::make_shared<backplane::memory_store>(), "fuzz", listener_,
          [this](std::string_view channel, backplane::backplane::task work) {
            loops_.of(channel).post(std::move(work));
          },
          [] {
            return std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::system_clock::now().time_since_epoch());
          }),
      channels_(loops_, plane_, settings_),
      transport_(home(), site_, limit_) {
    limit_.max = 1000;
    site_.add("/now/", transport::site::port::everywhere, std::make_shared<answering>(home(), false));
    site_.add("/later/", transport::site::port::everywhere, std::make_shared<answering>(home(), true));
    auto actor = runtime::spawn_on<transport::transport_actor>(home(), transport_);
    channels_.connect_transports({actor});
    transport_.connect(std::make_unique<connection::client_environment>(
        connection::client_environment{home(), transport_, actor, channels_, clients_, settings_,
                                       std::make_shared<connection::token_verifier>(settings_->client.token), ""}));
  }

  /// What the node says to these bytes, cut in pieces.
  std::string talk(std::string_view bytes, fuzz::dice& cuts) {
    std::array<int, 2> ends{};
    fuzz::require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0,
                  "no sockets");
    ++transport_.sockets;
    transport_.adopt_socket(ends[0], false);
    std::string got;
    while (!bytes.empty()) {
      const auto part = bytes.substr(0, 1 + cuts.below(2000));
      bytes.remove_prefix(part.size());
      if (::send(ends[1], part.data(), part.size(), MSG_NOSIGNAL) < 0) break; // it has closed
      turn();
      listen(ends[1], got);
    }
    turn();
    listen(ends[1], got);
    ::close(ends[1]);
    for (int i = 0; i < 10 && transport_.sockets > 0; ++i) turn();
    fuzz::require(transport_.sockets == 0, "a connection whose peer is gone is still there");
    fuzz::require(limit_.clients == 0, "a client whose connection is gone has its place still");
    fuzz::require(clients_.on(home()).clients() == 0, "a client whose connection is gone is still known");
    fuzz::require(transport_.table().channels() == 0, "somebody who is gone is still to be written to");
    return got;
  }

private:
  runtime::loop& home() { return loops_.at(0); }
  void turn() {
    for (int i = 0; i < 3; ++i) home().turn(false);
  }
  static void listen(int socket, std::string& into) {
    std::array<char, 65536> buffer;
    for (ssize_t n = 0; (n = ::recv(socket, buffer.data(), buffer.size(), 0)) > 0;)
      into.append(buffer.data(), static_cast<std::size_t>(n));
  }
  static std::shared_ptr<const config::settings> settings() {
    auto all = std::make_shared<config::settings>();
    all->client.insecure = all->client.compression = true;
    all->api.max_body = 5000;
    all->default_channel.history_size = 10;
    all->default_channel.history_ttl = std::chrono::seconds(1);
    all->default_channel.presence = true;
    all->default_channel.join_leave = config::offer::always;
    return all;
  }

  std::shared_ptr<const config::settings> settings_ = settings();
  runtime::runtime loops_{1};
  deaf_listener listener_;
  backplane::memory_backplane plane_;
  channel::channel_router channels_;
  connection::directory clients_{1};
  transport::site site_;
  transport::client_limit limit_;
  transport::loop_transport transport_;
};

/// Frames as a server may send them, to the end or a close frame.
void check_frames(std::string_view bytes, bool deflate, bool protobuf) {
  bool closed = false;
  while (bytes.size() >= 2) {
    fuzz::require(!closed, "something follows the close frame");
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
    const auto kind = at(0) & 15U;
    fuzz::require((at(0) & 0xB0U) == 0x80U && (deflate || (at(0) & 0x40U) == 0), "a frame with other bits");
    fuzz::require(kind == (protobuf ? 2 : 1) || kind == 8 || kind == 10, "a frame of another kind");
    std::size_t size = at(1), head = 2;
    if (size == 126) {
      size = at(2) << 8U | at(3);
      head = 4;
      fuzz::require(size > 125, "a length not in its shortest form");
    } else if (size == 127) {
      size = 0;
      for (std::size_t i = 2; i < 10; ++i) size = size << 8U | at(i);
      head = 10;
      fuzz::require(size > 65'535, "a length not in its shortest form");
    }
    fuzz::require(bytes.size() >= head + size, "a frame is cut off");
    std::string message;
    if ((at(0) & 0x40U) != 0)
      fuzz::require(transport::websocket::inflate_message(message, bytes.substr(head, size), 10'000'000) ==
                        transport::websocket::inflated::whole,
                    "a message can't be inflated");
    closed = kind == 8;
    bytes.remove_prefix(head + size);
  }
  fuzz::require(bytes.empty(), "a frame is cut off");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto& all = *new world; // stays to the end: channels outlive the input that made them
  fuzz::input in(data, size);
  const unsigned flags = in.byte();
  fuzz::dice cuts(in.byte());
  if ((flags & 1U) == 0) {
    const auto got = all.talk(in.rest(), cuts);
    fuzz::require(got.empty() || got.starts_with("HTTP/1.1 "), "the answer isn't HTTP");
    // The bytes of a head that was found good are a head, in whatever pieces they come.
    transport::http::head_scan scan;
    if (scan.look(in.rest()) == transport::http::head_scan::state::complete)
      (void)transport::http::head_fault(in.rest().substr(0, scan.size()));
    return 0;
  }
  const bool deflate = (flags & 2U) != 0, protobuf = (flags & 4U) != 0;
  std::string bytes =
      "GET /connection/websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  if (deflate) bytes += "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n";
  if (protobuf) bytes += "Sec-WebSocket-Protocol: centrifuge-protobuf\r\n";
  bytes += "\r\n";
  bytes += in.rest();
  const auto got = all.talk(bytes, cuts);
  const auto head = got.find("\r\n\r\n");
  fuzz::require(got.starts_with("HTTP/1.1 101 ") && head != std::string::npos, "the handshake failed");
  check_frames(std::string_view(got).substr(head + 4), deflate, protobuf);
  return 0;
}
