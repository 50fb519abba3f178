#include "transport/loop_transport.hpp"

#include "actors/connection/connection_actor.hpp"
#include "actors/runtime/log.hpp"
#include "actors/runtime/trace.hpp"
#include "transport/http/stage.hpp"
#include "transport/stream/session.hpp"
#include "transport/transport_metrics.hpp"
#include "transport/websocket/session.hpp"

#include <boost/asio/io_context.hpp>
#include <caf/send.hpp>

#include <unistd.h>

namespace plexus::transport {

namespace {

void trace_sent(const session& to, std::string_view kind, std::size_t bytes, std::string_view shown) {
  if (!to.client()) return;
  auto* actor = static_cast<connection::connection_actor*>(caf::actor_cast<caf::abstract_actor*>(to.client()));
  auto& who = actor->state();
  runtime::trace::tell({"out", kind, who.id(), who.user(), {}, {}, 0, bytes, shown});
}

} // namespace

loop_transport::loop_transport(runtime::loop& home, const site& routes, client_limit& limit) :
    link_owner(home), routes_(routes), limit_(limit), share_(limit.queues.join(*this)) {
  home.at_turn_end([this] { end_turn(); });
}

loop_transport::~loop_transport() {
  abort_all();
}

void loop_transport::connect(std::unique_ptr<connection::client_environment> env) {
  env_ = std::move(env);
}

void loop_transport::adopt_socket(int descriptor, bool internal) {
  metrics::connections.add(1);
  link_ptr l(new link(*this, descriptor));
  l->enter(std::make_unique<http::http_stage>(*this, *l, internal));
  if (!internal && !set_up_front(*l)) {
    l->abort();
    return;
  }
  l->start_reading();
}

// A TLS handshake is what costs, so a connection is counted before it. On a plain port only what clients connect
// with is counted, when it is asked for: a back end's requests are no connects.
bool loop_transport::set_up_front(link& l) {
  auto& rules = *front_;
  auto named_first = rules.proxy_protocol && rules.trusts(l.address());
  if (named_first) l.expect_proxy_header();
  if (rules.tls) l.secure(rules.tls);
  return named_first || may_come(l);
}

bool loop_transport::may_come(link& l) {
  if (!front_->tls || front_->connects_per_second <= 0 || front_->trusts(l.address())) return true;
  if (wait_to_connect(l).count() > 0) return false;
  l.set_counted(true);
  return true;
}

std::chrono::seconds loop_transport::wait_to_connect(link& l) {
  auto rate = front_->connects_per_second;
  if (rate <= 0) return {};
  if (l.counted()) {
    l.set_counted(false); // the next one over the same connection is another
    return {};
  }
  auto who = l.client();
  if (front_->trusts(who)) return {}; // a proxy that names nobody
  auto answer = limit_.addresses.take(who, rate, home().now());
  if (answer.allowed) return {};
  metrics::connects_limited.add();
  if (runtime::log::enabled(config::log_level::debug))
    runtime::log::debug("transport", "an address connects too often", {{"peer", l.peer()}});
  return answer.retry_after;
}

void loop_transport::on_closed() {
  metrics::connections.add(-1);
  --sockets;
}

bool loop_transport::take_place() {
  if (limit_.closed) return false;
  if (limit_.clients.fetch_add(1) < limit_.max) return true;
  --limit_.clients;
  return false;
}

session_id loop_transport::free_slot() {
  std::uint32_t index = 0;
  if (free_slots_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_slots_.back();
    free_slots_.pop_back();
  }
  return {index, slots_[index].generation};
}

void loop_transport::install(link& l, std::unique_ptr<session> made, const protocol::codec& codec) {
  auto id = made->id();
  slots_[id.slot].session = made.get();
  made->connect(runtime::spawn_on<connection::connection_actor>(home(), *env_, id, codec));
  metrics::sessions.add(1);
  l.enter(std::move(made));
}

void loop_transport::open_session(link& l, const protocol::codec& codec, framing how,
                                  websocket::window_bits deflate, std::string_view leftover) {
  auto made = make_session(l, free_slot(), deflate != 0);
  made->format = codec.which();
  made->framing = how;
  made->deflate = deflate;
  auto* session = made.get();
  install(l, std::move(made), codec);
  if (!leftover.empty()) {
    std::string bytes(leftover);
    session->on_bytes(bytes);
  }
}

std::unique_ptr<websocket_session> loop_transport::make_session(link& l, session_id id, bool deflate) {
  auto most = env_->settings->client.max_message_size;
  return std::make_unique<websocket_session>(*this, l, id, most > 0 ? most : SIZE_MAX, deflate);
}

void loop_transport::open_stream(link& l, stream_opening what, std::string leftover) {
  auto made = std::make_unique<stream_session>(*this, l, free_slot(), what, std::move(leftover));
  auto* session = made.get();
  install(l, std::move(made), protocol::codec_for(what.format));
  session->begin(std::move(what.first));
}

bool loop_transport::deliver_beside(const session_key& to, protocol::padded_text message) {
  auto* s = find(to.where);
  auto* stream = s ? s->as_stream() : nullptr;
  if (!stream || !same_secret(stream->secret(), to.secret)) return true;
  return stream->beside(std::move(message));
}

connection::return_address loop_transport::address(session_id who) {
  auto* s = find(who);
  auto* stream = s ? s->as_stream() : nullptr;
  if (!stream) return {};
  return {to_text({stream->secret(), home().index(), who}), env_->node};
}

void loop_transport::forget_session(session& s) {
  table_.remove_all(s);
  auto& place = slots_[s.id().slot];
  place.session = nullptr;
  ++place.generation;
  free_slots_.push_back(s.id().slot);
  metrics::sessions.add(-1);
  --limit_.clients;
}

session* loop_transport::find(session_id id) const noexcept {
  if (id.slot >= slots_.size() || slots_[id.slot].generation != id.generation) return nullptr;
  return slots_[id.slot].session;
}

std::size_t loop_transport::max_queue() const noexcept {
  auto most = env_->settings->client.max_queue_size;
  return most > 0 ? most : SIZE_MAX;
}

std::vector<caf::actor> loop_transport::clients() const {
  std::vector<caf::actor> out;
  for (auto& s : slots_)
    if (s.session) out.push_back(s.session->client());
  return out;
}

void loop_transport::write(session& to, std::string_view bytes) {
  table_.cut(to);
  thread_local std::string frame;
  frame.clear();
  append_framed(frame, to, bytes);
  metrics::messages_out.add();
  ++to.messages_out;
  to.on().out().append(frame);
  to.on().mark_dirty();
}

void loop_transport::send(session_id to, std::string_view bytes) {
  auto* s = find(to);
  if (!s || bytes.empty()) return;
  if (runtime::trace::on()) trace_sent(*s, "message", bytes.size(), bytes);
  write(*s, bytes);
}

void loop_transport::deliver(session_id to, std::string_view bytes, channel::reply_room::share owed) {
  if (!owed) {
    send(to, bytes);
    return;
  }
  auto* s = find(to);
  if (!s) return;
  if (runtime::trace::on()) trace_sent(*s, "message", bytes.size(), bytes);
  table_.cut(*s);
  s->on().out().append(make_large(*s, bytes, std::move(owed)));
  s->on().mark_dirty();
}

// A piece of its own, which tells the link that the client asked for it.
segment loop_transport::make_large(session& to, std::string_view bytes, channel::reply_room::share owed) {
  chunk_ptr own{new chunk};
  append_framed(own->bytes, to, bytes);
  own->owed = std::move(owed);
  own->count();
  metrics::messages_out.add();
  ++to.messages_out;
  const auto size = static_cast<std::uint32_t>(own->bytes.size());
  return {std::move(own), 0, size};
}

connection::client_port::progress loop_transport::progress_of(session_id who) {
  auto* s = find(who);
  return s ? progress{s->on().queued(), s->on().arrived()} : progress{};
}

void loop_transport::admit(session_id to, std::string_view channel, channel::subscriber_kind kind,
                           std::string_view bytes, channel::reply_room::share owed) {
  auto* s = find(to);
  if (!s) return;
  deliver(to, bytes, std::move(owed));
  table_.add(*s, channel, kind);
}

void loop_transport::dissolve(const std::string& channel) {
  for (auto* member : table_.members_of(channel)) {
    auto* s = static_cast<session*>(member);
    table_.remove(*s, channel);
    caf::anon_send(s->client(), connection::dissolved{channel});
  }
}

void loop_transport::hold(session_id who) {
  auto* s = find(who);
  if (!s) return;
  s->on().out().set_mark(); // behind the handshake's answer, which may still be there
  s->on().hold(true);
}

void loop_transport::release(session_id who, std::string_view first, channel::reply_room::share owed) {
  auto* s = find(who);
  if (!s) return;
  s->on().settle();
  // What it says may name the session of a stream, which is a secret.
  if (runtime::trace::on()) trace_sent(*s, "connect reply", first.size(), {});
  if (s->on().held()) {
    s->on().out().insert_at_mark(make_large(*s, first, std::move(owed)));
    s->on().hold(false);
    s->settled();
  } else {
    write(*s, first);
  }
}

void loop_transport::dismiss(session_id who, std::string_view channel) {
  if (auto* s = find(who)) table_.remove(*s, channel);
}

void loop_transport::handled(session_id who) {
  if (auto* s = find(who)) s->on_handled();
}

void loop_transport::close(session_id who, std::uint16_t code, std::string_view reason) {
  if (auto* s = find(who)) s->close(code, reason);
}

void loop_transport::end_turn() {
  table_.close_batches();
  flush_links();
  for (auto& work : later_) home().post(std::move(work));
  later_.clear();
  limit_.queues.settle(share_, chunk::held, env_ ? env_->settings->node.max_queue_memory : 0);
  auto& accepted = table_.accepted();
  if (accepted.empty()) return;
  auto now = std::chrono::steady_clock::now();
  for (auto t : accepted) metrics::publish_to_write.observe(std::chrono::duration<double>(now - t).count());
  accepted.clear();
}

} // namespace plexus::transport
