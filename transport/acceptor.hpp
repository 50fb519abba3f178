#pragma once
// Listens on one address and hands each new connection to the loop that has the fewest.

#include "transport/loop_transport.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::transport {

/// Lives on loop 0 once started.
class acceptor {
public:
  /// Binds and listens; throws std::runtime_error with a sentence (port in use, address unknown). `inherited`: a
  /// listening socket to use instead, owned from here on; -1: none. Nobody is let in while `loops` have
  /// `max_sockets` open, of whichever port.
  acceptor(runtime::loop& home, const std::vector<loop_transport*>& loops, const std::string& address,
           std::uint16_t port, bool internal, std::size_t max_sockets, int inherited = -1);

  /// What `listen` is called with: connects that may wait to be accepted.
  static constexpr int backlog = 4096;

  /// The listening socket, for a process that is to listen on it too.
  [[nodiscard]] int descriptor() { return listener_.native_handle(); }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// On the loop.
  void start();
  /// On the loop: nobody new. The port is free again, unless another process has the socket too; that one is left
  /// with all that waits to be accepted.
  void stop();

private:
  void open(const std::string& address, std::uint16_t port);
  void wait();
  void accept_patiently();
  void accept_some();
  void refuse(int descriptor);
  /// Not more than once a second, however often it happens.
  void warn(std::string_view event);

  runtime::loop& home_;
  std::vector<loop_transport*> loops_;
  boost::asio::ip::tcp::acceptor listener_;
  std::uint16_t port_ = 0;
  bool internal_;
  std::size_t max_sockets_;
  std::size_t unsaid_ = 0; ///< events since the last line in the log
  std::chrono::steady_clock::time_point warned_{};
  struct pause_timer final : runtime::timer {
    explicit pause_timer(acceptor& of) : owner(of) {}
    void expired() override { owner.wait(); }
    acceptor& owner;
  } pause_{*this};
};

} // namespace plexus::transport
