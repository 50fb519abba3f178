#include "transport/stream/session.hpp"

#include "transport/http/stage.hpp"
#include "transport/stream/framing.hpp"

#include <utility>

namespace plexus::transport {

namespace {
// Of requests sent ahead; nobody who waits for a stream's end has more to say before it.
constexpr std::size_t max_behind = 16'384;

/// The client doesn't read any more: it won't ask for anything either.
bool is_deaf(std::uint16_t code) noexcept {
  return code == static_cast<std::uint16_t>(protocol::disconnect_code::slow) ||
         code == static_cast<std::uint16_t>(protocol::disconnect_code::no_pong);
}
} // namespace

stream_session::stream_session(loop_transport& owner, link& on, session_id id, const stream_opening& how,
                               std::string behind) :
    session(owner, on, id), secret_(draw_secret()), behind_(std::move(behind)), reusable_(how.reusable) {
  format = how.format;
  framing = how.framing;
}

void stream_session::begin(protocol::padded_text first) {
  std::string body;
  stream::append_begin(body, framing);
  if (!body.empty()) queue(body);
  receive(std::move(first));
}

bool stream_session::beside(protocol::padded_text message) {
  if (in_mailbox_ >= max_in_mailbox) return false;
  receive(std::move(message));
  return true;
}

void stream_session::on_handled() {
  if (in_mailbox_ > 0) --in_mailbox_;
  settled();
}

void stream_session::on_bytes(std::span<char> bytes) {
  behind_.append(bytes.data(), bytes.size());
  if (behind_.size() > max_behind) link_.abort();
}

// A client that has gone looks the same as one that only ends its sending side, and it has to be noticed at once:
// others see its presence. So either is the end of the stream; what was asked before is answered.
bool stream_session::on_half_closed() {
  half_closed_ = true;
  clean_ = true;
  settled();
  return true;
}

void stream_session::settled() {
  if (!half_closed_ || in_mailbox_ > 0 || link_.held() || !link_.open()) return;
  std::string end;
  stream::append_end(end, framing);
  queue(end);
  link_.finish();
}

void stream_session::close(std::uint16_t code, std::string_view reason) {
  clean_ = true;
  std::string push, bytes;
  protocol::codec_for(format).encode(push, {}, protocol::disconnect_push{code, std::string(reason)});
  append_framed(bytes, framing, push);
  stream::append_end(bytes, framing);
  queue(bytes);
  if (!reusable_ || half_closed_ || is_deaf(code) || owner_.limit().closed) {
    link_.finish();
    return;
  }
  // The response is complete: the link speaks HTTP again. This object is destroyed at the end of the turn.
  if (link_.held()) link_.hold(false);
  auto behind = std::move(behind_);
  on_end();
  auto next = std::make_unique<http::http_stage>(owner_, link_, false);
  auto& http = *next;
  link_.enter(std::move(next));
  if (!behind.empty()) http.on_bytes(behind);
}

} // namespace plexus::transport
