// From replies and pushes to Protobuf. One `write` for each kind writes the fields of its message.

#include "actors/protocol/protobuf_codec.hpp"
#include "actors/protocol/protobuf_fields.hpp"

#include <protozero/pbf_writer.hpp>

#include <array>

namespace plexus::protocol {

namespace {

namespace field = protobuf::field;

/// Writes the fields of one message. What is zero, false or empty is left out, as Protobuf has it, but for
/// messages: one without fields says that it is there.
class writer {
public:
  explicit writer(std::string& out) : out_(out), to_(out) {}

  void flag(field::number n, bool value) {
    if (value) to_.add_bool(n, true);
  }
  void number(field::number n, std::uint64_t value) {
    if (value != 0) to_.add_uint64(n, value);
  }
  /// Texts and payloads alike.
  void bytes(field::number n, std::string_view value) {
    if (!value.empty()) to_.add_bytes(n, value.data(), value.size());
  }
  /// `fill` gets the writer of the message inside.
  template <class Fill>
  void message(field::number n, Fill&& fill) {
    const auto before = out_.size();
    {
      writer inside(*this, n);
      fill(inside);
    }
    // protozero takes back a message in which nothing was written.
    if (out_.size() == before) to_.add_bytes(n, "", 0);
  }

private:
  writer(writer& around, field::number n) : out_(around.out_), to_(around.to_, n) {}

  std::string& out_;
  protozero::pbf_writer to_;
};

void write(writer& to, const client_info& info) {
  namespace f = field::client_info;
  to.bytes(f::user, info.user);
  to.bytes(f::client, info.client);
  to.bytes(f::conn_info, info.conn_info);
  to.bytes(f::chan_info, info.channel_info);
}

void write(writer& to, const publication& what, data_form form = data_form::plain, std::string_view delta = {}) {
  namespace f = field::publication;
  to.bytes(f::data, form == data_form::delta ? delta : std::string_view(what.data));
  if (what.info) to.message(f::info, [&](writer& in) { write(in, *what.info); });
  to.number(f::offset, what.offset);
  for (const auto& tag : what.tags)
    to.message(f::tags, [&](writer& in) {
      in.bytes(field::map::key, tag.first);
      in.bytes(field::map::value, tag.second);
    });
  if (what.offset == 1) to.bytes(f::epoch, what.epoch);
  to.flag(f::delta, form == data_form::delta);
}

void write(writer& to, field::number n, const std::vector<publication_ptr>& list) {
  for (const auto& one : list) to.message(n, [&](writer& in) { write(in, *one); });
}

void write(writer& to, const error_reply& what) {
  namespace f = field::error;
  const auto& known = entry(what.code);
  if (!what.message.empty()) {
    to.number(f::code, static_cast<std::uint64_t>(what.code));
    to.bytes(f::message, what.message);
    to.flag(f::temporary, known.code == what.code && known.temporary);
    return;
  }
  to.number(f::code, static_cast<std::uint64_t>(known.code));
  to.bytes(f::message, known.name);
  to.flag(f::temporary, known.temporary);
}

void write(writer& to, const subscribe_reply& what) {
  namespace f = field::subscribe_result;
  to.flag(f::expires, what.expires);
  to.number(f::ttl, what.ttl);
  to.flag(f::recoverable, what.recoverable);
  to.bytes(f::epoch, what.at.epoch);
  write(to, f::publications, what.publications);
  to.flag(f::recovered, what.recovered);
  to.number(f::offset, what.at.offset);
  to.flag(f::positioned, what.positioned);
  to.bytes(f::data, what.data);
  to.flag(f::was_recovering, what.was_recovering);
  to.flag(f::delta, what.delta);
}

void write(writer& to, const connect_reply& what) {
  namespace f = field::connect_result;
  to.bytes(f::client, what.client);
  to.bytes(f::version, what.version);
  to.flag(f::expires, what.expires);
  to.number(f::ttl, what.ttl);
  to.bytes(f::data, what.data);
  for (const auto& each : what.subs)
    to.message(f::subs, [&](writer& in) {
      in.bytes(field::map::key, each.first);
      in.message(field::map::value, [&](writer& value) { write(value, each.second); });
    });
  to.number(f::ping, what.ping);
  to.flag(f::pong, what.pong);
  to.bytes(f::session, what.session);
  to.bytes(f::node, what.node);
}

void write(writer&, const unsubscribe_reply&) {}

void write(writer&, const publish_reply&) {}

void write(writer& to, const presence_reply& what) {
  for (const auto& one : what.members)
    to.message(field::presence_result::presence, [&](writer& in) {
      in.bytes(field::map::key, one.client);
      in.message(field::map::value, [&](writer& value) { write(value, one); });
    });
}

void write(writer& to, const presence_stats_reply& what) {
  to.number(field::presence_stats_result::num_clients, what.clients);
  to.number(field::presence_stats_result::num_users, what.users);
}

void write(writer& to, const history_reply& what) {
  namespace f = field::history_result;
  write(to, f::publications, what.publications);
  to.bytes(f::epoch, what.at.epoch);
  to.number(f::offset, what.at.offset);
}

void write(writer& to, const rpc_reply& what) {
  to.bytes(field::rpc_result::data, what.data);
}

void write(writer& to, const refresh_reply& what) {
  namespace f = field::refresh_result;
  to.bytes(f::client, what.client);
  to.bytes(f::version, what.version);
  to.flag(f::expires, what.expires);
  to.number(f::ttl, what.ttl);
}

void write(writer& to, const sub_refresh_reply& what) {
  to.flag(field::sub_refresh_result::expires, what.expires);
  to.number(field::sub_refresh_result::ttl, what.ttl);
}

void write(writer& to, const publication_push& what) {
  write(to, *what.what, what.form, what.delta);
}

void write(writer& to, const join_push& what) {
  to.message(field::membership::info, [&](writer& in) { write(in, what.info); });
}

void write(writer& to, const leave_push& what) {
  to.message(field::membership::info, [&](writer& in) { write(in, what.info); });
}

void write(writer& to, const subscribe_push& what) {
  // The push has fewer fields than the reply.
  namespace f = field::subscribe;
  const auto& result = what.result;
  to.flag(f::recoverable, result.recoverable);
  to.bytes(f::epoch, result.at.epoch);
  to.number(f::offset, result.at.offset);
  to.flag(f::positioned, result.positioned);
  to.bytes(f::data, result.data);
}

void write(writer& to, const unsubscribe_push& what) {
  to.number(field::unsubscribe::code, static_cast<std::uint64_t>(what.code));
  to.bytes(field::unsubscribe::reason, reason(what.code));
}

void write(writer& to, const message_push& what) {
  to.bytes(field::message::data, what.data);
}

void write(writer& to, const refresh_push& what) {
  to.flag(field::refresh::expires, what.expires);
  to.number(field::refresh::ttl, what.ttl);
}

void write(writer& to, const disconnect_push& what) {
  to.number(field::disconnect::code, what.code);
  to.bytes(field::disconnect::reason, what.reason);
}

// In the order of `reply` and of `push`.
namespace r = field::reply;
namespace p = field::push;
constexpr std::array<field::number, std::variant_size_v<reply>> reply_fields{
    r::error,          r::connect, r::subscribe, r::unsubscribe, r::publish,     r::presence,
    r::presence_stats, r::history, r::rpc,       r::refresh,     r::sub_refresh,
};
constexpr std::array<field::number, std::variant_size_v<push>> push_fields{
    p::pub, p::join, p::leave, p::subscribe, p::unsubscribe, p::message, p::refresh, p::disconnect,
};

/// Appends what `fill` writes, with its length before it.
template <class Fill>
void append_framed(std::string& out, Fill&& fill) {
  const auto begin = out.size();
  {
    writer to(out);
    fill(to);
  }
  std::array<char, protozero::max_varint_length> length{};
  const auto digits = protozero::add_varint_to_buffer(length.data(), out.size() - begin);
  out.insert(begin, length.data(), static_cast<std::size_t>(digits));
}

/// How much a push is likely to take, so that the hot one is made with one allocation.
std::size_t likely_size(std::string_view channel, const push& what) {
  constexpr std::size_t around = 64; // tags, lengths, and the room protozero takes for them before it knows them
  const auto* pub = std::get_if<publication_push>(&what);
  if (pub == nullptr) return channel.size() + around;
  const auto& info = pub->what->info;
  return channel.size() + pub->what->data.size() + around +
         (info ? info->user.size() + info->client.size() + info->conn_info.size() + info->channel_info.size() : 0);
}

} // namespace

void protobuf_codec::encode(std::string& out, std::uint32_t id, const reply& what) const {
  append_framed(out, [&](writer& to) {
    to.number(field::reply::id, id);
    to.message(reply_fields[what.index()],
               [&](writer& in) { std::visit([&](const auto& one) { write(in, one); }, what); });
  });
}

void protobuf_codec::encode(std::string& out, std::string_view channel, const push& what) const {
  out.reserve(out.size() + likely_size(channel, what));
  append_framed(out, [&](writer& to) {
    to.message(field::reply::push, [&](writer& in) {
      in.bytes(field::push::channel, channel);
      in.message(push_fields[what.index()],
                 [&](writer& body) { std::visit([&](const auto& one) { write(body, one); }, what); });
    });
  });
}

} // namespace plexus::protocol
