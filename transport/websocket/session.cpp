#include "transport/websocket/session.hpp"

#include "actors/connection/messages.hpp"
#include "actors/runtime/log.hpp"
#include "transport/transport_metrics.hpp"

#include <caf/send.hpp>

namespace plexus::transport {

namespace {
constexpr std::uint32_t max_in_mailbox = 256;
}

websocket_session::websocket_session(loop_transport& owner, link& on, session_id id, std::size_t max_message) :
    owner_(owner), link_(on), id_(id), reader_(max_message) {}

void websocket_session::on_bytes(std::span<char> bytes) {
  reader_.feed(bytes, *this);
}

bool websocket_session::on_message(websocket::opcode, protocol::padded_text message) {
  metrics::messages_in.add();
  // A client that sends faster than its commands are handled waits in the kernel; what one read brought is the
  // bound.
  if (++in_mailbox_ > max_in_mailbox) link_.pause_reading();
  caf::anon_send(client_, connection::inbound{std::move(message)});
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
  owner_.table().cut(*this);
  link_.out().append(frame);
  link_.mark_dirty();
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

void websocket_session::on_slow() {
  metrics::slow_closed.add();
  metrics::dropped_bytes.add(link_.out().drop_unsent());
  // Through the connection, which counts the code and leaves its channels.
  caf::anon_send(client_, connection::kick{static_cast<std::uint16_t>(protocol::disconnect_code::slow),
                                           std::string(protocol::reason(protocol::disconnect_code::slow))});
}

void websocket_session::on_end() {
  owner_.forget_session(*this);
  if (client_) caf::anon_send(client_, connection::lost{clean_});
  client_ = nullptr;
}

void websocket_session::take(segment s, bool last) {
  if (last) {
    link_.write_last(std::move(s));
    return;
  }
  link_.out().append(std::move(s));
  link_.mark_dirty();
}

} // namespace plexus::transport
