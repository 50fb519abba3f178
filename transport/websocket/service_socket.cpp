#include "transport/websocket/service_socket.hpp"

#include "actors/runtime/log.hpp"
#include "transport/link_owner.hpp"
#include "transport/transport_metrics.hpp"

namespace plexus::transport {

runtime::loop& service_socket::home() const noexcept {
  return link_.owner().home();
}

void service_socket::queue(websocket::opcode kind, std::string_view payload) {
  std::string frame;
  frame.reserve(payload.size() + 10);
  websocket::append_header(frame, kind, payload.size());
  frame.append(payload);
  link_.out().append(frame);
  link_.mark_dirty();
}

void service_socket::send(std::string_view text) {
  if (over_) return;
  queue(websocket::opcode::text, text);
  if (link_.out().size() > max_waiting_) drop();
}

void service_socket::ping() {
  if (!over_) queue(websocket::opcode::ping, {});
}

// What waits is dropped, so that the close frame has a chance.
void service_socket::drop() {
  if (over_) return;
  metrics::service_sockets_dropped.add();
  link_.out().drop_unsent();
  close(1008, "what was sent is not read");
}

void service_socket::close(std::uint16_t code, std::string_view reason) {
  if (std::exchange(over_, true)) return;
  std::string frame;
  websocket::append_close(frame, code, reason);
  link_.out().append(frame);
  link_.finish();
}

void service_socket::on_end() {
  over_ = true;
  if (end_) end_->on_gone();
}

void service_socket::on_timer() {
  if (!over_ && end_) end_->on_timer();
}

bool service_socket::on_message(websocket::opcode kind, protocol::padded_text message) {
  if (kind != websocket::opcode::text) {
    close(1003, "messages are text");
    return false;
  }
  end_->on_message(message.view());
  return !over_;
}

bool service_socket::on_ping(std::string_view payload) {
  queue(websocket::opcode::pong, payload);
  return true;
}

bool service_socket::on_close(websocket::close_status code, std::string_view) {
  const auto number = static_cast<std::uint16_t>(code);
  close(code == websocket::close_status::no_status ? 1000 : number, {});
  return false;
}

void service_socket::on_fault(websocket::close_status code, std::string_view why) {
  close(static_cast<std::uint16_t>(code), why);
}

} // namespace plexus::transport
