// Of http_stage: whose request it is, and whether it may come.

#include "transport/front/forwarded.hpp"
#include "transport/http/cors.hpp"
#include "transport/http/handshake.hpp"
#include "transport/http/stage.hpp"
#include "transport/loop_transport.hpp"
#include "transport/stream/request.hpp"
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
  const bool closed = owner_.limit().closed;
  metrics::refused.add(1, closed ? metrics::while_draining : metrics::at_the_limit);
  auto r = sentence(503, closed ? "This node is shutting down: connect again to reach another."
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

// Whoever has no right to be heard at length isn't: what a head promises would be held in memory until it is there.
std::uint64_t http_stage::max_body(const request& head) const {
  if (!internal_ && stream::is_client_path(head.path))
    return stream::max_body(head.path, *owner_.environment().settings);
  auto* handler = owner_.routes().find(head.path, internal_);
  return handler ? handler->max_body(head) : small_body;
}

void http_stage::refuse_body(const request& head) {
  keep_alive_ = false; // the rest of the body is not waited for
  auto& routes = owner_.routes();
  auto* handler = routes.find(head.path, internal_);
  if (!known_method(head.method))
    refuse(405, "This method is not used here.");
  else if (!internal_ && stream::is_client_path(head.path)) {
    if (admit_origin(head)) answer(stream::too_large(), true);
  } else if (handler)
    answer(handler->too_large(head), true);
  else if (routes.is_websocket(head.path, internal_) || routes.find_socket(head.path, internal_))
    refuse(413, "A WebSocket handshake has no body.");
  else
    refuse(404, "There is nothing at this path.");
}

} // namespace plexus::transport::http
