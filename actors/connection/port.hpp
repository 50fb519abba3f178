#pragma once
// What a connection needs of the transport on its loop: declared here, implemented in `transport`.

#include "actors/channel/delivery.hpp"
#include "actors/protocol/errors.hpp"

#include <string>
#include <string_view>

namespace plexus::connection {

using channel::session_id;

/// Where a client sends its commands that can't send them over its own connection; empty for the others.
struct return_address {
  std::string session, node;
};

/// One a loop, called on its thread only. Session ids that are gone are ignored.
class client_port {
public:
  virtual ~client_port() = default;

  /// One message in the client's format.
  virtual void send(session_id to, std::string_view bytes) = 0;
  /// Until `release`, what is queued for the session waits.
  virtual void hold(session_id who) = 0;
  /// Puts `first` in front of what waited, and lets it go. `owed`: as in `channel::deliver`.
  virtual void release(session_id who, std::string_view first, channel::reply_room::share owed) = 0;
  /// Out of the channel's fan-out table. What was emitted before is still sent.
  virtual void dismiss(session_id who, std::string_view channel) = 0;
  /// A message of this client was dealt with: it may send more.
  virtual void handled(session_id who) { static_cast<void>(who); }
  /// Bytes queued for the session so far, and how many of them have arrived at its machine. Asks the kernel.
  struct progress {
    std::uint64_t queued = 0, arrived = 0;
  };
  [[nodiscard]] virtual progress progress_of(session_id who) {
    static_cast<void>(who);
    return {};
  }
  /// For the connect reply.
  [[nodiscard]] virtual return_address address(session_id who) {
    static_cast<void>(who);
    return {};
  }
  /// Sends what is queued and closes; the connection actor hears `lost` afterwards.
  virtual void close(session_id who, std::uint16_t code, std::string_view reason) = 0;
};

} // namespace plexus::connection
