#pragma once
// Answers as HTTP responses, and what is counted of them. Pure but for the counters; any thread.

#include "actors/protocol/api.hpp"
#include "transport/http/message.hpp"

#include <string_view>
#include <vector>

namespace plexus::transport::api {

/// How a refused command is reported.
enum class error_mode : std::uint8_t {
  body,      ///< status 200 with `{"error":{...}}`
  transport, ///< `{"code","message"}` with a status of its own
};

/// By the header `X-Centrifugo-Error-Mode`.
error_mode error_mode_of(const http::request& what) noexcept;
/// The status that says the same as the code.
int status_of(protocol::error_code code) noexcept;

http::response render(const protocol::api_answer& what, error_mode errors);
http::response render(const std::vector<protocol::batch_reply>& replies);

/// `method`: as in the path; whatever isn't one is counted as "other".
void count_request(std::string_view method) noexcept;
void count_error(protocol::error_code code) noexcept;

} // namespace plexus::transport::api
