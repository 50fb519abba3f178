#pragma once
// The one table of what can be answered to a client: error codes of replies, codes of unsubscribe pushes, and the
// close codes of a connection. Source: the Centrifuge client protocol, version 2. The page
// `docs/what-happens-when.md` explains each; `tests/actors/protocol/errors_test.cpp` keeps the lists equal.

#include <cstdint>
#include <span>
#include <string_view>

namespace plexus::protocol {

/// Why a command was refused. The connection stays open.
enum class error_code : std::uint16_t {
  internal = 100,               ///< something failed here or the backplane is away; temporary
  unauthorized = 101,           ///< not allowed to do this at all
  unknown_channel = 102,        ///< the channel's namespace isn't configured
  permission_denied = 103,      ///< no right for this channel
  method_not_found = 104,       ///< no such method
  already_subscribed = 105,     ///< this client has the channel already
  limit_exceeded = 106,         ///< max_channels, max_subscribers
  bad_request = 107,            ///< a field is missing, too long or of the wrong form
  not_available = 108,          ///< switched off for this channel, or nobody handles it
  token_expired = 109,          ///< get a new token and try again
  expired = 110,                ///< the time given lies in the past
  too_many_requests = 111,      ///< over a rate; temporary
  unrecoverable_position = 112, ///< the position isn't in this channel's log
  concurrent_pagination = 113,  ///< temporary
};

/// Why a subscription was ended by the server. From 2500 on the client subscribes again by itself.
enum class unsubscribe_code : std::uint16_t {
  server = 2000,       ///< ended through the API
  insufficient = 2500, ///< the channel's state was lost; subscribe again to recover
  expired = 2501,      ///< the subscription's token ran out and was not renewed
};

/// Why a connection was closed. Clients reconnect on 3000-3499, 4000-4499 and from 5000 on.
enum class disconnect_code : std::uint16_t {
  normal = 3000,
  shutdown = 3001,
  server_error = 3004,
  expired = 3005,
  subscription_expired = 3006,
  slow = 3008,
  write_error = 3009,
  insufficient_state = 3010,
  force_reconnect = 3011,
  no_pong = 3012,
  too_many_requests = 3013,
  invalid_token = 3500,
  bad_request = 3501,
  stale = 3502,
  force_no_reconnect = 3503,
  connection_limit = 3504,
  channel_limit = 3505,
  inappropriate_protocol = 3506,
  permission_denied = 3507,
  not_available = 3508,
  too_many_errors = 3509,
};

struct error_entry {
  error_code code;
  std::string_view name; ///< what a client reads, for example "permission denied"
  bool temporary;        ///< the client may try again by itself
};

struct disconnect_entry {
  disconnect_code code;
  std::string_view reason;
};

/// Every error, by rising code.
std::span<const error_entry> errors() noexcept;
/// Every close code, by rising code.
std::span<const disconnect_entry> disconnects() noexcept;

const error_entry& entry(error_code code) noexcept;
/// The standard sentence of a close code; "connection closed" for one that isn't in the table.
std::string_view reason(disconnect_code code) noexcept;
std::string_view reason(unsubscribe_code code) noexcept;

} // namespace plexus::protocol
