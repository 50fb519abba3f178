#include "transport/operations/operations_handler.hpp"

#include <nlohmann/json.hpp>

namespace plexus::transport {

namespace {

bool is_read(const http::request& what, const http::respond& done) {
  if (what.method == "GET" || what.method == "HEAD") return true;
  auto r = http::sentence(405, "This is read with GET.");
  r.headers.emplace_back("Allow", "GET, HEAD");
  done(std::move(r));
  return false;
}

} // namespace

void health_handler::handle(const http::request& what, http::respond done) {
  if (!is_read(what, done)) return;
  if (what.path == "/health/live") {
    done({200, "application/json", "{\"live\":true}\n", {{"Cache-Control", "no-store"}}});
    return;
  }
  if (what.path != "/health/ready") {
    done(http::sentence(404, "Health is at /health/live and /health/ready."));
    return;
  }
  const auto found = obstacles_();
  nlohmann::json body{{"ready", found.empty()}};
  for (const auto& some : {found, remarks_()})
    for (auto& o : some) body["reasons"].push_back({{"part", o.part}, {"message", o.message}});
  done({found.empty() ? 200 : 503, "application/json", body.dump() + "\n", {{"Cache-Control", "no-store"}}});
}

void metrics_handler::handle(const http::request& what, http::respond done) {
  if (!is_read(what, done)) return;
  done({200, "text/plain; version=0.0.4; charset=utf-8", runtime::metrics::render(extra_()), {}});
}

} // namespace plexus::transport
