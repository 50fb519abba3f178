#include "transport/websocket/service_socket.hpp"

#include "actors/runtime/log.hpp"
#include "transport/link_owner.hpp"
#include "transport/transport_metrics.hpp"

namespace plexus::transport {

namespace {
constexpr std::size_t worth_its_own_chunk = 16 * 1024; // bytes
}

runtime::loop& service_socket::home() const noexcept {
  return link_.owner().home();
}

void service_socket::queue(websocket::opcode kind, std::string payload) {
  std::string frame;
  websocket::append_header(frame, kind, payload.size());
  if (payload.size() < worth_its_own_chunk) {
    frame.append(payload);
    link_.out().append(frame);
  } else {
    // Millions of bytes perhaps: they aren't copied.
    link_.out().append(frame);
    link_.out().append(own_segment(std::move(payload)));
  }
  link_.mark_dirty();
  if (link_.out().size() > max_waiting_) drop();
}

void service_socket::send(std::string text) {
  if (!over_) queue(websocket::opcode::text, std::move(text));
}

void service_socket::ping() {
  if (over_) return;
  if (unanswered_ == max_unanswered) {
    drop("no sign of life");
    return;
  }
  ++unanswered_;
  queue(websocket::opcode::ping, {});
}

void service_socket::drop() {
  drop("what was sent is not read");
}

// What waits is dropped, so that the close frame has a chance.
void service_socket::drop(std::string_view why) {
  if (over_) return;
  metrics::service_sockets_dropped.add();
  runtime::log::info("transport", "a service's WebSocket was dropped", {{"peer", link_.peer()}, {"why", why}});
  link_.out().drop_unsent();
  close(1008, why);
}

void service_socket::on_bytes(std::span<char> bytes) {
  unanswered_ = 0;
  reader_.feed(bytes, *this);
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
  // Nobody has to have signed in for this: who asks without end and reads nothing gets far less than
  // `max_waiting_`.
  if (link_.out().empty()) pongs_ = 0;
  pongs_ += payload.size() + 2;
  if (pongs_ > max_pongs)
    drop();
  else
    queue(websocket::opcode::pong, std::string(payload));
  return !over_;
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
