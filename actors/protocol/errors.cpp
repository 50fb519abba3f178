#include "actors/protocol/errors.hpp"

#include <algorithm>
#include <array>

namespace plexus::protocol {

namespace {

constexpr std::array error_table{
    error_entry{error_code::internal, "internal server error", true},
    error_entry{error_code::unauthorized, "unauthorized", false},
    error_entry{error_code::unknown_channel, "unknown channel", false},
    error_entry{error_code::permission_denied, "permission denied", false},
    error_entry{error_code::method_not_found, "method not found", false},
    error_entry{error_code::already_subscribed, "already subscribed", false},
    error_entry{error_code::limit_exceeded, "limit exceeded", false},
    error_entry{error_code::bad_request, "bad request", false},
    error_entry{error_code::not_available, "not available", false},
    error_entry{error_code::token_expired, "token expired", false},
    error_entry{error_code::expired, "expired", false},
    error_entry{error_code::too_many_requests, "too many requests", true},
    error_entry{error_code::unrecoverable_position, "unrecoverable position", false},
    error_entry{error_code::concurrent_pagination, "concurrent pagination", true},
};

constexpr std::array disconnect_table{
    disconnect_entry{disconnect_code::normal, "connection closed"},
    disconnect_entry{disconnect_code::shutdown, "shutdown"},
    disconnect_entry{disconnect_code::server_error, "internal server error"},
    disconnect_entry{disconnect_code::expired, "connection expired"},
    disconnect_entry{disconnect_code::subscription_expired, "subscription expired"},
    disconnect_entry{disconnect_code::slow, "slow"},
    disconnect_entry{disconnect_code::write_error, "write error"},
    disconnect_entry{disconnect_code::insufficient_state, "insufficient state"},
    disconnect_entry{disconnect_code::force_reconnect, "force reconnect"},
    disconnect_entry{disconnect_code::no_pong, "no pong"},
    disconnect_entry{disconnect_code::too_many_requests, "too many requests"},
    disconnect_entry{disconnect_code::invalid_token, "invalid token"},
    disconnect_entry{disconnect_code::bad_request, "bad request"},
    disconnect_entry{disconnect_code::stale, "stale"},
    disconnect_entry{disconnect_code::force_no_reconnect, "force disconnect"},
    disconnect_entry{disconnect_code::connection_limit, "connection limit"},
    disconnect_entry{disconnect_code::channel_limit, "channel limit"},
    disconnect_entry{disconnect_code::inappropriate_protocol, "inappropriate protocol"},
    disconnect_entry{disconnect_code::permission_denied, "permission denied"},
    disconnect_entry{disconnect_code::not_available, "not available"},
    disconnect_entry{disconnect_code::too_many_errors, "too many errors"},
};

// `entry` finds a code by its place.
static_assert([] {
  for (std::size_t i = 0; i < error_table.size(); ++i)
    if (static_cast<std::size_t>(error_table[i].code) != 100 + i) return false;
  return true;
}());
static_assert(std::is_sorted(disconnect_table.begin(), disconnect_table.end(),
                             [](const auto& a, const auto& b) { return a.code < b.code; }));

} // namespace

std::span<const error_entry> errors() noexcept {
  return error_table;
}

std::span<const disconnect_entry> disconnects() noexcept {
  return disconnect_table;
}

const error_entry& entry(error_code code) noexcept {
  const auto place = static_cast<std::size_t>(code) - 100;
  return error_table[place < error_table.size() ? place : 0];
}

std::string_view reason(disconnect_code code) noexcept {
  const auto* found = std::find_if(disconnect_table.begin(), disconnect_table.end(),
                                   [code](const auto& e) { return e.code == code; });
  return found == disconnect_table.end() ? disconnect_table.front().reason : found->reason;
}

std::string_view reason(unsubscribe_code code) noexcept {
  switch (code) {
  case unsubscribe_code::insufficient:
    return "insufficient state";
  case unsubscribe_code::expired:
    return "subscription expired";
  case unsubscribe_code::server:
    break;
  }
  return "server unsubscribe";
}

} // namespace plexus::protocol
