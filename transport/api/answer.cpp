#include "transport/api/answer.hpp"

#include "actors/runtime/metrics.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace plexus::transport::api {

namespace {

using protocol::error_code;

/// The label's values: all methods, and "other".
const std::vector<std::string>& methods() {
  static const auto all = [] {
    const auto known = protocol::api_methods();
    std::vector<std::string> names(known.begin(), known.end());
    names.emplace_back("other");
    return names;
  }();
  return all;
}

std::vector<std::string> codes() {
  std::vector<std::string> all;
  for (const auto& each : protocol::errors()) all.push_back(std::to_string(static_cast<int>(each.code)));
  return all;
}

const runtime::metrics::counter requests{
    "plexus_api_requests_total", "Commands of the HTTP API; a batch counts as one, and so does each command in it.",
    "method", methods()};
const runtime::metrics::counter refusals{"plexus_api_errors_total",
                                         "Errors that the HTTP API answered with; a wrong key counts as 101.",
                                         "code", codes()};

http::response json(int status, std::string body) {
  return {status, "application/json", std::move(body), {}};
}

} // namespace

error_mode error_mode_of(const http::request& what) noexcept {
  return what.header("x-centrifugo-error-mode") == "transport" ? error_mode::transport : error_mode::body;
}

int status_of(error_code code) noexcept {
  switch (code) {
  case error_code::internal:
    return 500;
  case error_code::unauthorized:
    return 401;
  case error_code::permission_denied:
    return 403;
  case error_code::unknown_channel:
  case error_code::method_not_found:
    return 404;
  case error_code::already_subscribed:
  case error_code::concurrent_pagination:
    return 409;
  case error_code::unrecoverable_position:
    return 416;
  case error_code::limit_exceeded:
  case error_code::too_many_requests:
    return 429;
  case error_code::not_available:
    return 501;
  case error_code::bad_request:
  case error_code::token_expired:
  case error_code::expired:
    break;
  }
  return 400;
}

http::response render(const protocol::api_answer& what, error_mode errors) {
  std::string body;
  const auto* error = std::get_if<protocol::api_error>(&what);
  if (error == nullptr || errors == error_mode::body) {
    encode_api_answer(body, what);
    return json(200, std::move(body));
  }
  encode_api_error(body, *error);
  return json(status_of(error->code), std::move(body));
}

http::response render(const std::vector<protocol::batch_reply>& replies) {
  std::string body;
  encode_api_batch(body, replies);
  return json(200, std::move(body));
}

void count_request(std::string_view method) noexcept {
  const auto& all = methods();
  const auto found = std::find(all.begin(), all.end(), method);
  requests.add(1, found == all.end() ? all.size() - 1 : static_cast<std::size_t>(found - all.begin()));
}

void count_error(error_code code) noexcept {
  const auto place = static_cast<std::size_t>(&entry(code) - protocol::errors().data());
  refusals.add(1, place);
}

} // namespace plexus::transport::api
