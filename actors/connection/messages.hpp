#pragma once
// What a connection actor understands. All are sent to its loop.

#include "actors/channel/reply_room.hpp"
#include "actors/protocol/padded_text.hpp"
#include "actors/protocol/reply.hpp"

#include <caf/allowed_unsafe_message_type.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace plexus::connection {

/// One message of the client, as it came over the transport.
struct inbound {
  protocol::padded_text text;
};

/// The transport has lost the client or closed it. `clean`: a close frame was exchanged. The session is gone.
struct lost {
  bool clean = false;
};

/// A timer of this connection is due.
struct due {};

/// A channel answered a subscription: opened, or refused (then `error` says why).
struct sub_result {
  std::string channel;
  std::uint32_t ticket = 0; ///< of the attempt it answers
  bool in_connect = false;  ///< one of those that the connect reply waits for
  std::optional<protocol::error_code> error;
  std::shared_ptr<protocol::subscribe_reply> reply; ///< server-side subscriptions at connect: for the connect reply
  channel::reply_room::share owed{};                ///< of that reply
};

/// The channel dissolved: tell the client to subscribe again (2500).
struct dissolved {
  std::string channel;
};

// From the API.

/// Close the connection.
struct kick {
  std::uint16_t code = 0;
  std::string reason;
};

struct server_subscribe {
  std::string channel;
  std::string info; ///< JSON text or empty: channel info
  std::string data; ///< JSON text or empty
  std::optional<protocol::position> since;
  std::optional<std::int64_t> expires_at;
};

struct server_unsubscribe {
  std::string channel; ///< empty: all
  protocol::unsubscribe_code code = protocol::unsubscribe_code::server;
};

struct server_refresh {
  bool expired = false;
  std::optional<std::int64_t> expires_at; ///< Unix seconds; none: the connection doesn't expire any more
};

/// Somebody was blocked or a token revoked: see whether it is this client. `all_older`: the tokens of this user so
/// far don't hold any more.
struct recheck {
  bool all_older = false;
};

/// The node drains: close with 3001 after `delay_ms`.
struct depart {
  std::uint32_t delay_ms = 0;
  bool welcome = false; ///< who is still on its way in is let in before
};

/// The drain was called off.
struct stay {};

} // namespace plexus::connection

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::inbound)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::lost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::sub_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::dissolved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::kick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::server_subscribe)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::server_unsubscribe)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::server_refresh)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::recheck)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::depart)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::connection::stay)
