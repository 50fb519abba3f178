#include "transport/api/openapi.hpp"

#include "transport/embed.hpp"

// CMake defines where the file lies and lists it as a dependency of this one.
PLEXUS_EMBED(openapi, PLEXUS_OPENAPI);

namespace plexus::transport::api {

std::string_view openapi_document() noexcept {
  return PLEXUS_BYTES(openapi);
}

void openapi_handler::handle(const http::request& what, http::respond done) {
  if (what.method != "GET" && what.method != "HEAD") {
    auto refusal = http::sentence(405, "This is read with GET.");
    refusal.headers.emplace_back("Allow", "GET, HEAD");
    done(std::move(refusal));
    return;
  }
  done({200, "application/json", std::string(openapi_document()), {{"Cache-Control", "no-cache"}}});
}

} // namespace plexus::transport::api
