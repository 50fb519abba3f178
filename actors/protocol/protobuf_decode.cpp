// From Protobuf to commands.

#include "actors/protocol/json.hpp"
#include "actors/protocol/protobuf_codec.hpp"
#include "actors/protocol/protobuf_fields.hpp"

#include <protozero/pbf_reader.hpp>
#include <simdjson.h>

#include <limits>
#include <type_traits>

namespace plexus::protocol {

namespace {

namespace field = protobuf::field;
using protozero::pbf_reader;
using protozero::pbf_wire_type;

constexpr std::uint32_t varint(field::number n) noexcept {
  return protozero::tag_and_type(n, pbf_wire_type::varint);
}

constexpr std::uint32_t bytes(field::number n) noexcept {
  return protozero::tag_and_type(n, pbf_wire_type::length_delimited);
}

// Each of these consumes the current field; false is a fault of the message. protozero throws at broken wire data.

std::string_view view(pbf_reader& in) {
  const auto got = in.get_view();
  return {got.data(), got.size()};
}

/// Texts go on to others, JSON clients among them, so they must be what they say.
bool text(pbf_reader& in, std::string_view& out) {
  out = view(in);
  return simdjson::validate_utf8(out.data(), out.size());
}

bool payload(pbf_reader& in, std::string_view& out) {
  out = view(in);
  return true;
}

bool boolean(pbf_reader& in, bool& out) {
  out = in.get_uint64() != 0; // get_bool would look at the first byte alone
  return true;
}

template <class T>
bool integer(pbf_reader& in, T& out) {
  if constexpr (std::is_signed_v<T>) {
    const auto got = in.get_int64();
    out = static_cast<T>(got);
    return out == got;
  } else {
    const auto got = in.get_uint64();
    out = static_cast<T>(got);
    return out == got;
  }
}

bool skip(pbf_reader& in) {
  in.skip();
  return true;
}

/// Calls `read(tag and type)` for each field; it consumes the field and says whether that went well.
template <class Read>
bool each_field(pbf_reader in, Read&& read) {
  while (in.next())
    if (!read(in, in.tag_and_type())) return false;
  return true;
}

bool read_fields(pbf_reader in, subscribe_command& out) {
  namespace f = field::subscribe_request;
  return each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    switch (which) {
    case bytes(f::channel):
      return text(at, out.channel);
    case bytes(f::token):
      return text(at, out.token);
    case varint(f::recover):
      return boolean(at, out.recover);
    case bytes(f::epoch):
      return text(at, out.since.epoch);
    case varint(f::offset):
      return integer(at, out.since.offset);
    case bytes(f::data):
      return payload(at, out.data);
    case varint(f::positioned):
      return boolean(at, out.positioned);
    case varint(f::recoverable):
      return boolean(at, out.recoverable);
    case varint(f::join_leave):
      return boolean(at, out.join_leave);
    case bytes(f::delta):
      return text(at, out.delta);
    case varint(f::flag):
      return integer(at, out.flags);
    default:
      return skip(at);
    }
  });
}

bool read(pbf_reader in, subscribe_command& out) {
  return read_fields(in, out) && !out.channel.empty();
}

/// An entry of the map `subs`: a channel and a SubscribeRequest.
bool read(pbf_reader in, connect_command::sub& out) {
  subscribe_command how;
  const bool good = each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    switch (which) {
    case bytes(field::map::key):
      return text(at, out.channel);
    case bytes(field::map::value):
      return read_fields(at.get_message(), how);
    default:
      return skip(at);
    }
  });
  out.recover = how.recover;
  out.since = how.since;
  return good && !out.channel.empty();
}

bool read(pbf_reader in, connect_command& out) {
  namespace f = field::connect_request;
  return each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    switch (which) {
    case bytes(f::token):
      return text(at, out.token);
    case bytes(f::data):
      return payload(at, out.data);
    case bytes(f::subs):
      return read(at.get_message(), out.subs.emplace_back());
    case bytes(f::name):
      return text(at, out.name);
    case bytes(f::version):
      return text(at, out.version);
    default:
      return skip(at);
    }
  });
}

bool read(pbf_reader in, publish_command& out) {
  namespace f = field::publish_request;
  const bool good = each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    switch (which) {
    case bytes(f::channel):
      return text(at, out.channel);
    case bytes(f::data):
      return payload(at, out.data);
    default:
      return skip(at);
    }
  });
  out.binary = good && !out.data.empty() && !json::valid(out.data);
  return good && !out.channel.empty();
}

bool read(pbf_reader in, client_position& out) {
  namespace f = field::stream_position;
  return each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    switch (which) {
    case varint(f::offset):
      return integer(at, out.offset);
    case bytes(f::epoch):
      return text(at, out.epoch);
    default:
      return skip(at);
    }
  });
}

bool read(pbf_reader in, history_command& out) {
  namespace f = field::history_request;
  const bool good = each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    switch (which) {
    case bytes(f::channel):
      return text(at, out.channel);
    case varint(f::limit):
      return integer(at, out.limit);
    case bytes(f::since):
      return read(at.get_message(), out.since.emplace());
    case varint(f::reverse):
      return boolean(at, out.reverse);
    default:
      return skip(at);
    }
  });
  return good && !out.channel.empty();
}

/// The commands that name a channel and nothing else.
template <class Command>
bool read_channel(pbf_reader in, Command& out) {
  const bool good = each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    return which == bytes(field::channel_request::channel) ? text(at, out.channel) : skip(at);
  });
  return good && !out.channel.empty();
}

bool read(pbf_reader in, unsubscribe_command& out) {
  return read_channel(in, out);
}

bool read(pbf_reader in, presence_command& out) {
  return read_channel(in, out);
}

bool read(pbf_reader in, presence_stats_command& out) {
  return read_channel(in, out);
}

bool read(pbf_reader in, rpc_command& out) {
  namespace f = field::rpc_request;
  const bool good = each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    switch (which) {
    case bytes(f::data):
      return payload(at, out.data);
    case bytes(f::method):
      return text(at, out.method);
    default:
      return skip(at);
    }
  });
  out.binary = good && !out.data.empty() && !json::valid(out.data);
  return good;
}

bool read(pbf_reader in, refresh_command& out) {
  return each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    return which == bytes(field::refresh_request::token) ? text(at, out.token) : skip(at);
  });
}

bool read(pbf_reader in, sub_refresh_command& out) {
  namespace f = field::sub_refresh_request;
  const bool good = each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    switch (which) {
    case bytes(f::channel):
      return text(at, out.channel);
    case bytes(f::token):
      return text(at, out.token);
    default:
      return skip(at);
    }
  });
  return good && !out.channel.empty();
}

bool read(pbf_reader in, send_command& out) {
  return each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    return which == bytes(field::send_request::data) ? payload(at, out.data) : skip(at);
  });
}

bool read(pbf_reader in, command& out) {
  namespace f = field::command;
  if (in.length() == 0) return true; // the pong
  bool has_body = false;
  const auto body = [&]<class Command>(pbf_reader& at, std::type_identity<Command>) {
    if (has_body) return false;
    has_body = true;
    return read(at.get_message(), out.body.emplace<Command>());
  };
  const bool good = each_field(in, [&](pbf_reader& at, std::uint32_t which) {
    switch (which) {
    case varint(f::id):
      return integer(at, out.id);
    case bytes(f::connect):
      return body(at, std::type_identity<connect_command>{});
    case bytes(f::subscribe):
      return body(at, std::type_identity<subscribe_command>{});
    case bytes(f::unsubscribe):
      return body(at, std::type_identity<unsubscribe_command>{});
    case bytes(f::publish):
      return body(at, std::type_identity<publish_command>{});
    case bytes(f::presence):
      return body(at, std::type_identity<presence_command>{});
    case bytes(f::presence_stats):
      return body(at, std::type_identity<presence_stats_command>{});
    case bytes(f::history):
      return body(at, std::type_identity<history_command>{});
    case bytes(f::send):
      return body(at, std::type_identity<send_command>{});
    case bytes(f::rpc):
      return body(at, std::type_identity<rpc_command>{});
    case bytes(f::refresh):
      return body(at, std::type_identity<refresh_command>{});
    case bytes(f::sub_refresh):
      return body(at, std::type_identity<sub_refresh_command>{});
    default:
      return skip(at);
    }
  });
  return good && has_body && (out.id != 0 || std::holds_alternative<send_command>(out.body));
}

/// Takes the first command off `rest`, its length included.
bool take(std::string_view& rest, command& out) {
  try {
    const char* at = rest.data();
    const char* const end = at + rest.size();
    const auto size = protozero::decode_varint(&at, end);
    if (size > static_cast<std::uint64_t>(end - at)) return false;
    const std::string_view inside(at, static_cast<std::size_t>(size));
    const auto whole = static_cast<std::size_t>(at - rest.data()) + inside.size();
    out.raw = rest.substr(0, whole);
    rest.remove_prefix(whole);
    return read(pbf_reader(inside.data(), inside.size()), out);
  } catch (const protozero::exception&) {
    return false; // how it reports broken wire data
  }
}

} // namespace

bool protobuf_codec::decode(const padded_text& message, const command_handler& handle) const {
  auto rest = message.view();
  if (rest.empty()) return false;
  while (!rest.empty()) {
    command next;
    if (!take(rest, next)) return false;
    if (!handle(next)) break;
  }
  return true;
}

} // namespace plexus::protocol
