#pragma once
// TLS 1.3 for the swarm: OpenSSL on a connection's socket, which doesn't block. The certificate isn't verified.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace plexus::bench {

struct tls_free {
  void operator()(ssl_ctx_st* which) const noexcept;
  void operator()(ssl_session_st* which) const noexcept;
  void operator()(ssl_st* which) const noexcept;
};

/// Of one connection. `read` and `write` are like recv and send: -1 with errno EAGAIN when the socket has to be
/// waited for, -1 with EPROTO for a fault of TLS; `read` is 0 at the end.
class tls_stream {
public:
  explicit tls_stream(ssl_st* ssl) noexcept : ssl_(ssl) {}
  /// True once the handshake is done, false while the socket has to be waited for. Throws std::runtime_error.
  bool handshake();
  [[nodiscard]] bool resumed() const;
  /// `read` also returns, with EAGAIN, when a ticket came and nothing else: for a socket that blocks.
  void return_after_tickets();
  std::ptrdiff_t read(char* into, std::size_t size);
  std::ptrdiff_t write(std::string_view bytes);

private:
  std::unique_ptr<ssl_st, tls_free> ssl_;
};

/// What all connections share: settings and, with `resume`, the newest ticket that the server gave to one of them.
class tls_client {
public:
  /// `resume`: gets the first ticket by a connection of its own to `port`, so that all that `start` makes have one.
  tls_client(bool resume, std::uint16_t port);
  ~tls_client();
  tls_client(const tls_client&) = delete;
  tls_client& operator=(const tls_client&) = delete;

  /// Of a connected socket, which stays the caller's.
  std::unique_ptr<tls_stream> start(int fd);

private:
  static int keep_ticket(ssl_st* from, ssl_session_st* ticket);
  void get_ticket(std::uint16_t port);

  bool resume_;
  std::unique_ptr<ssl_ctx_st, tls_free> context_;
  std::vector<unsigned char> ticket_; ///< the session in ASN.1
};

} // namespace plexus::bench
