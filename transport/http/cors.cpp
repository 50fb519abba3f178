#include "transport/http/cors.hpp"

namespace plexus::transport::http {

namespace {
// How long a browser may go by a preflight: a reload that removes an origin still refuses the request itself.
constexpr std::string_view preflight_seconds = "3600";
} // namespace

std::vector<std::pair<std::string, std::string>> cors_headers(const request& what) {
  std::vector<std::pair<std::string, std::string>> out{{"Vary", "Origin"}};
  const auto origin = what.header("origin");
  if (!origin.empty()) out.emplace_back("Access-Control-Allow-Origin", std::string(origin));
  return out;
}

response preflight(const request& what) {
  response out{204, {}, {}, {}};
  out.headers.emplace_back("Allow", "GET, POST, OPTIONS");
  if (what.header("access-control-request-method").empty()) return out;
  out.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST");
  // Headers mean nothing here, so whatever a page's own `fetch` adds is fine.
  if (const auto asked = what.header("access-control-request-headers"); !asked.empty())
    out.headers.emplace_back("Access-Control-Allow-Headers", std::string(asked));
  out.headers.emplace_back("Access-Control-Max-Age", std::string(preflight_seconds));
  return out;
}

} // namespace plexus::transport::http
