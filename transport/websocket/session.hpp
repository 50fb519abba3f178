#pragma once
// A client on a WebSocket: frames to messages for its connection actor, whatever is written to it to frames.

#include "transport/fan_out_table.hpp"
#include "transport/link.hpp"
#include "transport/loop_transport.hpp"
#include "transport/websocket/frame.hpp"

#include <caf/actor.hpp>

namespace plexus::transport {

/// The stage of a link after the handshake; owned by the link.
class websocket_session final : public stage, public fan_out_member, private websocket::frame_sink {
public:
  websocket_session(loop_transport& owner, link& on, session_id id, std::size_t max_message);

  void connect(caf::actor client) { client_ = std::move(client); }
  [[nodiscard]] session_id id() const noexcept { return id_; }
  [[nodiscard]] const caf::actor& client() const noexcept { return client_; }
  [[nodiscard]] link& on() noexcept { return link_; }

  /// A close frame behind what is queued, then the end. Without it the session ends unclean.
  void close(std::uint16_t code, std::string_view reason);

  /// The connection actor has dealt with a message.
  void on_handled();

  // stage
  void on_bytes(std::span<char> bytes) override;
  void on_end() override;
  void on_slow() override;
  void on_timer() override {}
  // fan_out_member
  void take(segment s, bool last) override;

private:
  bool on_message(websocket::opcode kind, protocol::padded_text message) override;
  bool on_ping(std::string_view payload) override;
  bool on_pong(std::string_view payload) override;
  bool on_close(websocket::close_status code, std::string_view reason) override;
  void on_fault(websocket::close_status code, std::string_view why) override;

  loop_transport& owner_;
  link& link_;
  caf::actor client_;
  session_id id_;
  bool clean_ = false;
  std::uint32_t in_mailbox_ = 0; ///< messages that the connection actor has not dealt with
  websocket::frame_reader reader_;
};

} // namespace plexus::transport
