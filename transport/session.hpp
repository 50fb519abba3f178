#pragma once
// What every client's session is, whatever it speaks: between its link, its connection actor and the fan-out table.
// How messages are marked off, read and ended is the derived class's: a WebSocket or the body of an HTTP response.

#include "actors/protocol/padded_text.hpp"
#include "transport/fan_out_table.hpp"
#include "transport/link.hpp"
#include "transport/loop_transport.hpp"

#include <caf/actor.hpp>

#include <cstdint>
#include <string_view>

namespace plexus::transport {

class stream_session;

/// A stage of a link; owned by the link, on its loop.
class session : public stage, public fan_out_member {
public:
  session(loop_transport& owner, link& on, session_id id) noexcept : owner_(owner), link_(on), id_(id) {
    writes_with = on.written_with();
  }

  void connect(caf::actor client) { client_ = std::move(client); }
  [[nodiscard]] session_id id() const noexcept { return id_; }
  [[nodiscard]] const caf::actor& client() const noexcept { return client_; }
  [[nodiscard]] link& on() noexcept { return link_; }
  /// Messages that the client sent, and those of them that its connection actor has not dealt with.
  [[nodiscard]] std::uint64_t messages_in() const noexcept { return messages_in_; }
  [[nodiscard]] std::uint32_t in_mailbox() const noexcept { return in_mailbox_; }

  /// Tells the client code and reason behind what is queued, then ends. Without it the session ends unclean.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  /// The connection actor has dealt with a message.
  virtual void on_handled() = 0;
  /// What was held for the client has been let go.
  virtual void settled() {}
  /// Null for one whose client sends over its own connection.
  [[nodiscard]] virtual stream_session* as_stream() noexcept { return nullptr; }

  // stage
  void on_end() override;
  void on_slow() override;
  void on_overload() override;
  void on_blocked() override { owner_.table().put_behind(*this); }
  void on_caught_up() override { owner_.table().catch_up(*this); }
  void on_timer() override {}
  // fan_out_member
  void take(segment s, bool last) override;

protected:
  /// Messages that may wait for the connection actor.
  static constexpr std::uint32_t max_in_mailbox = 256;

  /// Hands one message of the client to its connection actor.
  void receive(protocol::padded_text message);
  /// Queues bytes that are framed already, behind what the client's channels emitted.
  void queue(std::string_view framed);

  loop_transport& owner_;
  link& link_;
  caf::actor client_;
  session_id id_;
  bool clean_ = false; ///< it ended, or is about to, in a way that the client or the node chose
  std::uint64_t messages_in_ = 0;
  std::uint32_t in_mailbox_ = 0; ///< messages that the connection actor has not dealt with
};

} // namespace plexus::transport
