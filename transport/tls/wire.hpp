#pragma once
// TLS of one connection, between the socket and everything else. OpenSSL never sees the socket: what was received
// is put in, and what is to be sent is gathered here, record behind record, and sent with one call. So there is one
// place that waits for the socket, and OpenSSL never has to be asked again with the same bytes.
//
// Kernel TLS would begin here: after the handshake the keys go to the socket, `write` becomes `outbound::write_to`,
// and this object is dropped.

#include "transport/outbound.hpp"
#include "transport/tls/context.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct ssl_st;

namespace plexus::transport::tls {

/// One a connection, on its loop. Idle and established it holds no buffers.
class wire {
public:
  /// A server's side; nothing has been received yet. Throws std::bad_alloc.
  explicit wire(context_ptr with);
  ~wire();
  wire(const wire&) = delete;
  wire& operator=(const wire&) = delete;

  /// What came from the socket; it must stay until `read` has said something else than `bytes`.
  void put(std::span<const char> received) noexcept { in_ = received; }

  enum class input {
    bytes,  ///< there is plain text; ask again
    empty,  ///< all that was put in is used up
    ended,  ///< the peer has said that it sends nothing any more
    failed, ///< not TLS, or broken: the connection is to be closed once `write` has sent what it owes
  };
  /// Decrypts into `into`, and takes the handshake forward. With `bytes`, `got` says how many. What this makes it
  /// owe the peer goes out with the next `write`.
  input read(std::span<char> into, std::size_t& got);

  /// Takes from `queue`, pieces joined to records of up to 16 kB, and sends. Before the handshake is over it sends
  /// only what that needs. `sent` counts bytes of the socket.
  outbound::result write(outbound& queue, int socket, std::size_t& sent);
  /// Bytes that are encrypted and not sent: they can't be dropped any more.
  [[nodiscard]] std::size_t unsent() const noexcept { return unsent_.size() - sent_of_it_; }
  /// The connection is over at once: gives that memory back.
  void drop_unsent() noexcept;
  /// Something is to be sent though nothing may be queued.
  [[nodiscard]] bool owes() const noexcept { return !unsent_.empty(); }
  /// Says that nothing more comes; goes out with the next `write`. Nothing may be queued any more.
  void say_end();

  [[nodiscard]] bool established() const noexcept { return established_; }
  /// With a ticket of an earlier connection.
  [[nodiscard]] bool resumed() const noexcept;
  /// Why `read` failed, for the log.
  [[nodiscard]] const char* fault() const noexcept { return fault_; }

private:
  friend struct wire_io;
  bool encrypt(outbound& queue);
  outbound::result send(int socket, std::size_t& sent);
  /// What `unsent_` takes in memory by now is among what the loop's queues hold (`chunk::held`).
  void count() noexcept;

  context_ptr with_; ///< keeps what `ssl_` refers to
  ssl_st* ssl_;
  std::span<const char> in_;
  std::string unsent_;         ///< records that the socket hasn't taken
  std::size_t sent_of_it_ = 0; ///< so many bytes at its begin are out
  std::int64_t counted_ = 0;
  const char* fault_ = "";
  bool established_ = false;
  bool ended_ = false;
};

} // namespace plexus::transport::tls
