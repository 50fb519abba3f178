// Of http_stage: WebSockets of services.

#include "transport/http/handshake.hpp"
#include "transport/http/stage.hpp"
#include "transport/loop_transport.hpp"
#include "transport/transport_metrics.hpp"
#include "transport/websocket/service_socket.hpp"

namespace plexus::transport::http {

void http_stage::open_service(socket_service& service, const request& what) {
  if (!service.on()) {
    answer(sentence(404, "There is nothing at this path."), false);
    return;
  }
  bool wrong_version = false;
  auto fault = what.method == "GET" ? handshake_fault(what, wrong_version) : "A WebSocket handshake is a GET.";
  if (!fault.empty()) {
    auto r = sentence(wrong_version ? 426 : 400, fault);
    if (wrong_version) r.headers.emplace_back("Sec-WebSocket-Version", "13");
    answer(r, true);
    return;
  }
  // Whatever origins clients may come from: such a socket is for the node's own page and for programs.
  if (!origin_allowed(what.header("origin"), what.header("host"), {})) {
    refuse(403, "Pages of other origins may not connect here.");
    return;
  }
  auto socket = std::make_unique<service_socket>(link_, service);
  auto end = service.open(*socket);
  if (!end) {
    auto r = sentence(503, "There are as many of these connections as there may be.");
    r.headers.emplace_back("Retry-After", "5");
    answer(r, true);
    return;
  }
  metrics::http_requests.add(1, 0);
  link_.out().append("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: " +
                     accept_key(what.header("sec-websocket-key")) + "\r\n\r\n");
  link_.mark_dirty();
  auto leftover = std::move(pending_);
  auto* opened = socket.get();
  socket->serve(std::move(end));
  link_.enter(std::move(socket));
  if (!leftover.empty()) opened->on_bytes(leftover);
}

} // namespace plexus::transport::http
