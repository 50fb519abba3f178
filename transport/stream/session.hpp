#pragma once
// A client whose messages come down the body of one HTTP response. What it sends after its first message comes
// beside the stream, through the emulation endpoint (see gateway.hpp).

#include "transport/session.hpp"
#include "transport/stream/request.hpp"
#include "transport/stream/session_key.hpp"

#include <string>

namespace plexus::transport {

/// The stage of a link while such a response goes on; owned by the link.
class stream_session final : public session {
public:
  /// `behind`: bytes that came behind the request.
  stream_session(loop_transport& owner, link& on, session_id id, const stream_opening& how, std::string behind);

  /// Queues the begin of the body and hands over the first message.
  void begin(protocol::padded_text first);
  /// A message that came beside the stream. False: too many wait already.
  bool beside(protocol::padded_text message);
  [[nodiscard]] const session_key::secret_bytes& secret() const noexcept { return secret_; }

  /// A disconnect push behind what is queued, then the end of the body. The connection goes on where it can.
  void close(std::uint16_t code, std::string_view reason) override;
  void on_handled() override;
  void settled() override;
  [[nodiscard]] stream_session* as_stream() noexcept override { return this; }

  // stage
  void on_bytes(std::span<char> bytes) override;
  bool on_half_closed() override;

private:
  session_key::secret_bytes secret_;
  std::string behind_;       ///< the next request on this connection, perhaps
  bool reusable_;            ///< the connection may serve another request afterwards
  bool half_closed_ = false; ///< the client says nothing more on this connection
};

} // namespace plexus::transport
