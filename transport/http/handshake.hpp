#pragma once
// What the WebSocket handshake and the origin check decide, without I/O.

#include "actors/protocol/codec.hpp"
#include "transport/http/message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace plexus::transport::http {

/// The value of Sec-WebSocket-Accept for a key (RFC 6455 4.2.2).
std::string accept_key(std::string_view key);

/// Empty when `what` is a good handshake; else one sentence for a 400 (426 where `wrong_version`).
std::string handshake_fault(const request& what, bool& wrong_version);

/// What a client and a node will speak on a WebSocket.
struct agreement {
  std::string subprotocol; ///< to be named in the answer; empty: none
  protocol::format format = protocol::format::json;
};

/// The first known one of the subprotocols offered, `centrifuge-json` or `centrifuge-protobuf`; where there is
/// none, JSON, or what the parameter `format` of the request asks for.
agreement agree(std::string_view offered, std::string_view format);

/// May a page of this origin connect? `allowed` empty: only pages of the node's own host. A request without an
/// Origin header isn't from a page and passes.
bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& allowed);

} // namespace plexus::transport::http
