#include "actors/connection/promises.hpp"

#include "actors/connection/client_internal.hpp"
#include "actors/connection/messages.hpp"
#include "actors/runtime/log.hpp"
#include "actors/runtime/loop.hpp"

namespace plexus::connection {

using protocol::error_code;

namespace {

// A subscribe push has no room for publications: what was missed follows it in the same message.
void encode_server_side(std::string& out, const protocol::codec& codec, const std::string& channel,
                        protocol::subscribe_reply reply) {
  auto missed = std::move(reply.publications);
  reply.publications.clear();
  codec.encode(out, channel, protocol::push{protocol::subscribe_push{std::move(reply)}});
  for (auto& p : missed) {
    codec.encode_separator(out);
    codec.encode(out, channel, protocol::push{protocol::publication_push{std::move(p)}});
  }
}

// Where no loop runs the node is being taken apart: nobody is there to be told.
template <class Work>
void at_last(bool told, Work work) noexcept {
  if (told || !runtime::loop::current()) return;
  try {
    work();
  } catch (const std::exception& e) {
    runtime::log::error("connection", "a client could not be told that its command failed", {{"error", e.what()}});
  }
}

} // namespace

reply_promise::~reply_promise() {
  at_last(told_, [this] { refuse(error_code::internal); });
}

void reply_promise::send(std::string bytes, channel::reply_room::share owed) {
  caf::anon_send(transport_, channel::deliver{session_, std::move(bytes), {}, std::move(owed)});
  told_ = true;
}

void reply_promise::tell(const protocol::reply& what, channel::reply_room::share owed) {
  std::string bytes;
  codec_.encode(bytes, id_, what);
  if (room_ && !owed && !room_->claim(bytes.size(), channel::large_reply::other, owed)) {
    // Temporary where others are on their way; a reply that never fits is told so.
    refuse(room_->could_hold(bytes.size()) ? error_code::too_many_requests : error_code::limit_exceeded);
    return;
  }
  send(std::move(bytes), std::move(owed));
}

void reply_promise::refuse(error_code code, const std::string& message) {
  metrics::count_error(code);
  std::string bytes;
  codec_.encode(bytes, id_, protocol::error_reply{code, message});
  send(std::move(bytes), {});
}

// Not counted as an error: most who hold one at their end have asked for a client that has left.
subscribe_promise::~subscribe_promise() {
  at_last(told_, [this] { answer_error(error_code::internal, {}); });
}

void subscribe_promise::open(channel::subscribed how) {
  sub_result told{about_.channel, about_.ticket, about_.in_connect, {}, nullptr, {}};
  protocol::subscribe_reply reply;
  reply.expires = about_.ttl > 0;
  reply.ttl = about_.ttl;
  reply.recoverable = how.recoverable;
  reply.positioned = how.positioned;
  reply.at = std::move(how.at);
  reply.recovered = how.recovered;
  reply.was_recovering = how.was_recovering;
  reply.publications = std::move(how.publications);
  reply.data = how.data.empty() ? std::move(about_.data) : std::move(how.data);
  reply.delta = how.kind.delta;
  channel::admit a{about_.session, about_.channel, how.kind, {}, {}, {}};
  if (about_.in_connect) {
    told.reply = std::make_shared<protocol::subscribe_reply>(std::move(reply));
    told.owed = std::move(how.owed);
  } else {
    if (about_.id > 0)
      about_.codec.encode(a.bytes, about_.id, protocol::reply{std::move(reply)});
    else
      encode_server_side(a.bytes, about_.codec, about_.channel, std::move(reply));
    a.owed = std::move(how.owed);
  }
  // The connection hears of it after the table has it: an unsubscribe that follows must find the entry.
  a.then = [self = about_.self, told = std::move(told)] { caf::anon_send(self, told); };
  caf::anon_send(about_.transport, std::move(a));
  told_ = true;
}

void subscribe_promise::refuse(error_code code, const std::string& message) {
  if (about_.id > 0) metrics::count_error(code);
  answer_error(code, message);
}

void subscribe_promise::answer_error(error_code code, const std::string& message) {
  sub_result told{about_.channel, about_.ticket, about_.in_connect, code, nullptr, {}};
  std::string bytes;
  if (about_.id > 0) about_.codec.encode(bytes, about_.id, protocol::error_reply{code, message});
  caf::anon_send(about_.transport,
                 channel::deliver{about_.session,
                                  std::move(bytes),
                                  [self = about_.self, told = std::move(told)] { caf::anon_send(self, told); },
                                  {}});
  told_ = true;
}

} // namespace plexus::connection
