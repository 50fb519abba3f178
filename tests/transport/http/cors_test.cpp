#include "transport/http/cors.hpp"

#include <doctest/doctest.h>

using namespace plexus::transport::http;

namespace {

using headers = std::vector<std::pair<std::string, std::string>>;

std::string value(const headers& all, std::string_view name) {
  for (auto& [n, v] : all)
    if (n == name) return v;
  return "none";
}

request from(std::string origin, headers more = {}) {
  request out;
  out.method = "OPTIONS";
  if (!origin.empty()) out.headers.emplace_back("origin", std::move(origin));
  out.headers.insert(out.headers.end(), more.begin(), more.end());
  return out;
}

} // namespace

TEST_CASE("a page may read answers to its origin, without cookies") {
  const auto got = cors_headers(from("https://a.example"));
  CHECK(value(got, "Access-Control-Allow-Origin") == "https://a.example");
  CHECK(value(got, "Access-Control-Allow-Credentials") == "none");
  CHECK(value(got, "Vary") == "Origin");
}

TEST_CASE("who isn't a page gets no such header, but caches are told") {
  CHECK(cors_headers(from("")) == headers{{"Vary", "Origin"}});
}

TEST_CASE("a browser that asks first hears what it may send") {
  const auto got = preflight(from(
      "https://a.example", {{"access-control-request-method", "POST"}, {"access-control-request-headers", "x-a"}}));
  CHECK(got.status == 204);
  CHECK(value(got.headers, "Access-Control-Allow-Methods") == "GET, POST");
  CHECK(value(got.headers, "Access-Control-Allow-Headers") == "x-a");
  CHECK(value(got.headers, "Access-Control-Max-Age") == "3600");
}

TEST_CASE("OPTIONS that isn't a preflight names the methods alone") {
  const auto got = preflight(from(""));
  CHECK(got.status == 204);
  CHECK(value(got.headers, "Access-Control-Allow-Methods") == "none");
  CHECK(value(got.headers, "Allow") == "GET, POST, OPTIONS");
}
