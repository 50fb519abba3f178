#include "transport/session.hpp"

#include "actors/connection/messages.hpp"
#include "transport/transport_metrics.hpp"

#include <caf/send.hpp>

namespace plexus::transport {

void session::receive(protocol::padded_text message) {
  metrics::messages_in.add();
  ++messages_in_;
  ++in_mailbox_;
  caf::anon_send(client_, connection::inbound{std::move(message)});
}

void session::queue(std::string_view framed) {
  owner_.table().cut(*this);
  link_.out().append(framed);
  link_.mark_dirty();
}

void session::on_slow() {
  // One turn can bring more than the queue may hold: of channels with latest-only delivery the newest is enough.
  auto before = link_.out().size();
  if (auto dropped = link_.out().drop_skippable(); !dropped.empty()) {
    metrics::dropped_bytes.add(before - link_.out().size());
    owner_.table().put_behind(*this, dropped);
    if (link_.out().unasked() <= owner_.max_queue()) return;
  }
  on_overload();
}

void session::on_overload() {
  // Nothing may follow what is dropped now: a client that sees a later publication would recover from behind the
  // hole.
  owner_.table().remove_all(*this);
  metrics::slow_closed.add();
  metrics::dropped_bytes.add(link_.out().drop_unsent());
  // Through the connection, which counts the code and leaves its channels.
  caf::anon_send(client_, connection::kick{static_cast<std::uint16_t>(protocol::disconnect_code::slow),
                                           std::string(protocol::reason(protocol::disconnect_code::slow))});
}

void session::on_end() {
  owner_.forget_session(*this);
  if (client_) caf::anon_send(client_, connection::lost{clean_});
  client_ = nullptr;
}

void session::take(segment s, bool last) {
  if (last) {
    link_.write_last(std::move(s));
    return;
  }
  link_.out().append(std::move(s));
  link_.mark_dirty();
}

} // namespace plexus::transport
