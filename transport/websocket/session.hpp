#pragma once
// A client on a WebSocket: frames to messages for its connection actor, whatever is written to it to frames.

#include "transport/session.hpp"
#include "transport/websocket/frame.hpp"

namespace plexus::transport {

/// The stage of a link after the handshake; owned by the link.
class websocket_session : public session, private websocket::frame_sink {
public:
  websocket_session(loop_transport& owner, link& on, session_id id, std::size_t max_message,
                    bool with_deflate = false) :
      session(owner, on, id), reader_(max_message, with_deflate) {}

  /// A close frame behind what is queued, then the end.
  void close(std::uint16_t code, std::string_view reason) override;
  void on_handled() override;
  void on_bytes(std::span<char> bytes) override;

protected:
  bool on_message(websocket::opcode kind, protocol::padded_text message) override;

private:
  bool on_ping(std::string_view payload) override;
  bool on_pong(std::string_view payload) override;
  bool on_close(websocket::close_status code, std::string_view reason) override;
  void on_fault(websocket::close_status code, std::string_view why) override;

  websocket::frame_reader reader_;
};

} // namespace plexus::transport
