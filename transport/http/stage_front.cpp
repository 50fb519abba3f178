// Of http_stage: whose request it is, and whether it may come.

#include "transport/front/forwarded.hpp"
#include "transport/http/cors.hpp"
#include "transport/http/handshake.hpp"
#include "transport/http/stage.hpp"
#include "transport/loop_transport.hpp"
#include "transport/transport_metrics.hpp"

namespace plexus::transport::http {

void http_stage::name_client(const request& what) {
  auto& rules = owner_.front();
  if (rules.trusted.empty()) return;
  auto peer = link_.address();
  if (rules.trusts(peer)) link_.name_client(front::client_of(what.headers, peer, rules.trusted));
}

bool http_stage::may_connect() {
  auto wait = owner_.wait_to_connect(link_);
  if (wait.count() == 0) return true;
  auto r = sentence(429, "Too many connects from this address: try again later.");
  r.headers.emplace_back("Retry-After", std::to_string(wait.count()));
  answer(r, true);
  return false;
}

bool http_stage::take_place() {
  if (owner_.take_place()) return true;
  metrics::refused.add();
  auto r = sentence(503, owner_.limit().closed ? "This node is shutting down: connect again to reach another."
                                               : "This node has as many clients as it may have: try again later.");
  r.headers.emplace_back("Retry-After", "1");
  answer(r, true);
  return false;
}

bool http_stage::admit_origin(const request& what) {
  auto& allowed = owner_.environment().settings->client.allowed_origins;
  if (!origin_allowed(what.header("origin"), what.header("host"), allowed)) {
    answer(sentence(403, "Pages of this origin may not connect: see client.allowed_origins."), false);
    return false;
  }
  cors_ = cors_headers(what);
  if (what.method != "OPTIONS") return true;
  answer(preflight(what), false);
  return false;
}

} // namespace plexus::transport::http
