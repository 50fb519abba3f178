#pragma once
// A WebSocket that isn't a client's: text messages each way, for a service that right-hand modules bring along
// (inspection). It is no session: no channels, no connection actor, no place among the clients.

#include "actors/runtime/loop.hpp"
#include "config/network.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace plexus::transport {

/// The socket as its service sees it. On its loop's thread; not to be used any more once `socket_end::on_gone` was
/// called.
class message_socket {
public:
  virtual ~message_socket() = default;
  /// One text message, written at the end of the turn. More than the service's `max_waiting` in the queue: the
  /// peer doesn't read, and the socket is closed (1008).
  virtual void send(std::string text) = 0;
  /// A close frame behind what is queued. Nothing is heard of the peer any more but `on_gone`.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  /// `socket_end::on_timer` is called once after this time; a time set before is forgotten.
  virtual void set_timer(std::chrono::milliseconds from_now) = 0;
  /// Asks the peer for a sign of life. Who has given none since the second to last: the socket is dropped.
  virtual void ping() = 0;
  /// The peer doesn't read: counted, what waits for it is thrown away, and the socket is closed (1008).
  virtual void drop() = 0;
  /// The peer is known: from now on it goes before those that are new, however many these are.
  virtual void settle() = 0;
  /// Bytes that wait for the peer.
  [[nodiscard]] virtual std::size_t waiting() const noexcept = 0;
  /// Bytes that have left for it so far.
  [[nodiscard]] virtual std::uint64_t sent() const noexcept = 0;
  [[nodiscard]] virtual runtime::loop& home() const noexcept = 0;
  /// Whose it is, as a trusted proxy says.
  [[nodiscard]] virtual config::ip_address client() const = 0;
  [[nodiscard]] virtual std::string peer() const = 0; ///< the same for the log
};

/// What a service does with one socket; owned by the socket, on its loop.
class socket_end {
public:
  virtual ~socket_end() = default;
  virtual void on_message(std::string_view text) = 0;
  virtual void on_timer() = 0;
  /// The socket is gone. Destroyed at the end of the turn.
  virtual void on_gone() = 0;
};

/// Any loop may call.
class socket_service {
public:
  virtual ~socket_service() = default;
  /// False: the path is 404.
  [[nodiscard]] virtual bool on() const = 0;
  /// Bytes of one message of the peer; a longer one closes the socket (1009).
  [[nodiscard]] virtual std::size_t max_message() const noexcept = 0;
  /// Bytes that may wait for a peer.
  [[nodiscard]] virtual std::size_t max_waiting() const noexcept = 0;
  /// On the socket's loop, after the handshake. Null: there are too many, and the handshake is refused with 503.
  virtual std::unique_ptr<socket_end> open(message_socket& with) = 0;
};

} // namespace plexus::transport
