#pragma once
// The description of the HTTP API, for machines: openapi.json beside this file, which is kept by hand and held
// against the code by tests.

#include "transport/http/message.hpp"

namespace plexus::transport::api {

std::string_view openapi_document() noexcept;

/// `GET /api/openapi.json`. It asks for no key: what stands there is in the documentation too.
class openapi_handler final : public http::handler {
public:
  void handle(const http::request& what, http::respond done) override;
};

} // namespace plexus::transport::api
