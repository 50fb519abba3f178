#pragma once
// Cross-origin requests (the Fetch standard's CORS) for the paths that pages of other origins ask: decided by
// `client.allowed_origins`, as the WebSocket handshake is.

#include "transport/http/message.hpp"

#include <string>
#include <utility>
#include <vector>

namespace plexus::transport::http {

/// The headers that let a page of the request's origin read any answer to it; the origin has been found allowed.
/// No cookies: nothing here goes by them, and a page of another origin is not to use those of a proxy.
std::vector<std::pair<std::string, std::string>> cors_headers(const request& what);

/// The answer to a browser that asks before it sends (OPTIONS), without `cors_headers`.
response preflight(const request& what);

} // namespace plexus::transport::http
