#pragma once
// The stage of a link whose WebSocket belongs to a service; see message_socket.hpp.

#include "transport/link.hpp"
#include "transport/message_socket.hpp"
#include "transport/websocket/frame.hpp"

namespace plexus::transport {

class service_socket final : public stage, public message_socket, private websocket::frame_sink {
public:
  service_socket(link& on, const socket_service& service) :
      link_(on), max_waiting_(service.max_waiting()), reader_(service.max_message()) {}

  void serve(std::unique_ptr<socket_end> by) { end_ = std::move(by); }

  // message_socket
  void send(std::string text) override;
  void close(std::uint16_t code, std::string_view reason) override;
  void set_timer(std::chrono::milliseconds from_now) override { link_.set_timer(from_now); }
  void ping() override;
  void drop() override;
  void settle() override { link_.settle(); }
  [[nodiscard]] std::size_t waiting() const noexcept override { return link_.out().size(); }
  [[nodiscard]] std::uint64_t sent() const noexcept override { return link_.sent(); }
  [[nodiscard]] runtime::loop& home() const noexcept override;
  [[nodiscard]] config::ip_address client() const override { return link_.client(); }
  [[nodiscard]] std::string peer() const override { return link_.peer(); }

  // stage
  void on_bytes(std::span<char> bytes) override;
  void on_end() override;
  /// The link's bound is that of clients; this socket has one of its own.
  void on_slow() override {}
  void on_overload() override { drop(); }
  void on_timer() override;

private:
  static constexpr int max_unanswered = 2;            ///< pings
  static constexpr std::size_t max_pongs = 64 * 1024; ///< bytes that wait at once

  bool on_message(websocket::opcode kind, protocol::padded_text message) override;
  bool on_ping(std::string_view payload) override;
  bool on_pong(std::string_view) override { return true; }
  bool on_close(websocket::close_status code, std::string_view reason) override;
  void on_fault(websocket::close_status code, std::string_view why) override;
  /// Appends a frame; over `max_waiting_` the socket is dropped.
  void queue(websocket::opcode kind, std::string payload);
  void drop(std::string_view why);

  link& link_;
  std::size_t max_waiting_;
  websocket::frame_reader reader_;
  std::unique_ptr<socket_end> end_;
  std::size_t pongs_ = 0; ///< bytes of them since nothing waited
  int unanswered_ = 0;    ///< pings since the peer last said anything
  bool over_ = false;     ///< closed from this side or gone
};

} // namespace plexus::transport
