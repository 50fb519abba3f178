#pragma once
// Who may use the HTTP API: those who know its key. Pure, any thread. `same_secret` is for other secrets as well.

#include "transport/http/message.hpp"

#include <optional>
#include <string_view>

namespace plexus::transport::api {

/// Takes the same time wherever the two differ, also in length.
bool same_secret(std::string_view a, std::string_view b) noexcept;

/// It carries `key`, which isn't empty. Counts nothing.
bool knows_key(const http::request& what, std::string_view key);

/// The refusal of a request that doesn't carry `key` in `X-API-Key: KEY`, `Authorization: apikey KEY` or
/// `?api_key=KEY` (the first that is there counts): 401. With an empty `key` the API is off: 403. None: go on.
std::optional<http::response> check_key(const http::request& what, std::string_view key);

} // namespace plexus::transport::api
