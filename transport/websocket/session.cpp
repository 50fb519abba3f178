#include "transport/websocket/session.hpp"

#include "actors/runtime/log.hpp"

namespace plexus::transport {

void websocket_session::on_bytes(std::span<char> bytes) {
  reader_.feed(bytes, *this);
}

bool websocket_session::on_message(websocket::opcode, protocol::padded_text message) {
  receive(std::move(message));
  // A client that sends faster than its commands are handled waits in the kernel; what one read brought is the
  // bound.
  if (in_mailbox_ > max_in_mailbox) link_.pause_reading();
  return true;
}

void websocket_session::on_handled() {
  if (in_mailbox_ == 0 || --in_mailbox_ != max_in_mailbox / 2) return;
  link_.resume_reading();
}

bool websocket_session::on_ping(std::string_view payload) {
  std::string frame;
  websocket::append_header(frame, websocket::opcode::pong, payload.size());
  frame.append(payload);
  queue(frame);
  return true;
}

bool websocket_session::on_pong(std::string_view) {
  return true;
}

bool websocket_session::on_close(websocket::close_status code, std::string_view) {
  clean_ = true;
  std::string frame;
  // The peer's code goes back to it; where it gave none, none.
  if (code == websocket::close_status::no_status)
    websocket::append_header(frame, websocket::opcode::close, 0);
  else
    websocket::append_close(frame, static_cast<std::uint16_t>(code), {});
  link_.out().append(frame);
  link_.finish();
  return false;
}

void websocket_session::on_fault(websocket::close_status code, std::string_view why) {
  runtime::log::debug("transport", "a client broke the WebSocket protocol",
                      {{"peer", link_.peer()}, {"code", static_cast<int>(code)}, {"why", why}});
  close(static_cast<std::uint16_t>(code), why);
}

void websocket_session::close(std::uint16_t code, std::string_view reason) {
  clean_ = true;
  owner_.table().cut(*this);
  std::string frame;
  websocket::append_close(frame, code, reason);
  link_.out().append(frame);
  link_.finish();
}

} // namespace plexus::transport
