#pragma once
// Many clients of the Centrifuge protocol on one epoll loop: dials them up to a subscription and hands what comes
// afterwards to a phase of the benchmark. One thread; errors are std::runtime_error with a sentence.

#include "load/dialect.hpp"
#include "load/options.hpp"
#include "load/tls.hpp"
#include "load/wire.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct epoll_event;

namespace plexus::bench {

enum class stage : std::uint8_t { closed, dialing, securing, upgrading, connecting, subscribing, ready, closing };

struct client {
  std::uint32_t slot = 0;
  int fd = -1;
  stage at = stage::closed;
  bool subscribes = true;
  std::size_t node = 0;     ///< which of `--ports`
  std::uint64_t serial = 0; ///< counts dials; chooses token, channel and source address
  std::string held;         ///< the bytes of a frame that isn't complete
  std::string unsent;
  std::unique_ptr<tls_stream> tls; ///< null: none
};

class swarm;

/// What a phase does with its clients. A handler may dial or close the client it was called for.
class phase {
public:
  virtual ~phase() = default;
  virtual void on_ready(swarm& all, client& which) = 0;
  /// Whole frames at the front of `bytes` are to be taken; returns how many bytes that was. The default answers
  /// pings and ignores the rest.
  virtual std::size_t on_bytes(swarm& all, client& which, std::string_view bytes);
  /// The connection ended after `close` had been called.
  virtual void on_closed(swarm& all, client& which) = 0;
  /// It ended without having been asked to. The default throws.
  virtual void on_lost(swarm& all, client& which, const std::string& why);
  /// Whether a connection may fail before it is ready: then that is `on_lost` too. Otherwise it throws.
  [[nodiscard]] virtual bool retries() const { return false; }
  virtual std::uint16_t port(const options& what, const client& which);
  virtual std::string subscribe_command(const options& what, const client& which);
  /// The reply to it.
  virtual void on_subscribed(swarm&, client&, std::string_view) {}
};

class swarm {
public:
  swarm(const options& what, phase& owner, std::size_t slots);
  ~swarm();
  swarm(const swarm&) = delete;
  swarm& operator=(const swarm&) = delete;

  /// Opens the next connection in a closed slot.
  void dial(client& slot, bool subscribes = true, std::size_t node = 0);
  /// What this run's server is spoken to in.
  [[nodiscard]] const dialect& words() const noexcept { return words_; }
  /// A command as a frame; for a Socket.IO server as an event.
  void append_command(std::string& out, const std::string& command) const;
  void send(client& to, std::string_view bytes);
  /// Clean: a close frame, then the server ends it. Otherwise the socket is closed at once.
  void close(client& which, bool clean);

  /// Handles what is ready, after waiting for at most `milliseconds`.
  void turn(int milliseconds) { turn(milliseconds * 1e-3); }
  void turn(double seconds);
  /// Turns until `done()`; throws, naming `what`, once the phase's time is over.
  template <class Done>
  void run_until(Done done, const char* what) {
    while (!done()) {
      check_time(what);
      turn(100);
    }
  }
  void check_time(const char* what) const;

  /// Answers a frame that is a ping of the protocol, or of WebSocket.
  void answer_ping(client& which, const frame& in);

  std::vector<client>& clients() noexcept { return clients_; }
  /// Connections that are being opened right now.
  [[nodiscard]] std::size_t opening() const noexcept { return opening_; }
  /// Connections dialed so far.
  [[nodiscard]] std::uint64_t dialed() const noexcept { return dialed_; }
  /// Of the connections so far those whose TLS session was resumed.
  [[nodiscard]] std::uint64_t resumed() const noexcept { return resumed_; }
  /// Throws if less than 95 % were, though `--resume` asked for it.
  void check_resumed() const;
  /// Pings answered so far.
  [[nodiscard]] std::uint64_t pings() const noexcept { return pings_; }

private:
  void handle(client& which, std::uint32_t events);
  /// True once TLS stands and the upgrade was asked for.
  bool secure(client& which);
  void begin(client& which);
  /// Like ::send and ::recv, through TLS if there is any.
  static std::ptrdiff_t write_some(client& to, std::string_view bytes);
  static std::ptrdiff_t read_some(client& from, char* into, std::size_t size);
  void read(client& which, bool until_end);
  std::size_t consume(client& which, std::string_view bytes);
  void on_reply(client& which, std::string_view message);
  void set_ready(client& which);
  void end(client& which, const std::string& why);
  /// What can't be before a connection is ready.
  void fail_opening(client& which, const std::string& why);
  void forget(client& which);
  std::string connect_command(const client& which) const;

  const options& what_;
  phase& owner_;
  dialect words_;
  std::string request_;
  int epoll_;
  double deadline_;
  std::size_t opening_ = 0;
  std::uint64_t dialed_ = 0;
  std::uint64_t pings_ = 0, secured_ = 0, resumed_ = 0;
  std::unique_ptr<tls_client> tls_; ///< null: none
  std::vector<client> clients_;
  std::vector<char> buffer_;
  std::vector<epoll_event> events_;
};

} // namespace plexus::bench
