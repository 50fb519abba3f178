// From lines of JSON to commands, in one pass over the bytes (see json_reader.hpp).

#include "actors/protocol/json.hpp"
#include "actors/protocol/json_codec.hpp"
#include "actors/protocol/json_reader.hpp"

#include <array>

namespace plexus::protocol {

namespace {

using json::reader;

/// A payload: `null` is the same as none.
bool payload(reader& in, std::string_view& out) {
  return in.take_null() || in.raw(out);
}

bool read(reader& in, connect_command::sub& out) {
  return in.object([&](std::string_view key) {
    if (key == "recover") return in.boolean(out.recover);
    if (key == "epoch") return in.string(out.since.epoch);
    if (key == "offset") return in.integer(out.since.offset);
    return in.skip();
  });
}

bool read(reader& in, connect_command& out) {
  const auto one_sub = [&](std::string_view channel) {
    if (in.take_null()) return true;
    if (channel.empty()) return false;
    return read(in, out.subs.emplace_back(connect_command::sub{channel, false, {}}));
  };
  return in.object([&](std::string_view key) {
    if (key == "token") return in.string(out.token);
    if (key == "data") return payload(in, out.data);
    if (key == "name") return in.string(out.name);
    if (key == "version") return in.string(out.version);
    if (key == "subs") return in.take_null() || in.object(one_sub);
    return in.skip();
  });
}

bool read(reader& in, subscribe_command& out) {
  const auto field = [&](std::string_view key) {
    if (key == "channel") return in.string(out.channel);
    if (key == "token") return in.string(out.token);
    if (key == "data") return payload(in, out.data);
    if (key == "recover") return in.boolean(out.recover);
    if (key == "epoch") return in.string(out.since.epoch);
    if (key == "offset") return in.integer(out.since.offset);
    if (key == "positioned") return in.boolean(out.positioned);
    if (key == "recoverable") return in.boolean(out.recoverable);
    if (key == "join_leave") return in.boolean(out.join_leave);
    if (key == "delta") return in.string(out.delta);
    if (key == "flag") return in.integer(out.flags);
    return in.skip();
  };
  return in.object(field) && !out.channel.empty();
}

bool read(reader& in, publish_command& out) {
  const auto field = [&](std::string_view key) {
    if (key == "channel") return in.string(out.channel);
    if (key == "data") return in.raw(out.data); // to publish `null` is to publish something
    return in.skip();
  };
  return in.object(field) && !out.channel.empty();
}

bool read(reader& in, history_command& out) {
  const auto position = [&](std::string_view key) {
    if (key == "offset") return in.integer(out.since->offset);
    if (key == "epoch") return in.string(out.since->epoch);
    return in.skip();
  };
  const auto field = [&](std::string_view key) {
    if (key == "channel") return in.string(out.channel);
    if (key == "limit") return in.integer(out.limit);
    if (key == "reverse") return in.boolean(out.reverse);
    if (key != "since") return in.skip();
    if (in.take_null()) return true;
    out.since.emplace();
    return in.object(position);
  };
  return in.object(field) && !out.channel.empty();
}

/// The commands that name a channel and nothing else.
template <class Command>
bool read_channel(reader& in, Command& out) {
  const auto field = [&](std::string_view key) { return key == "channel" ? in.string(out.channel) : in.skip(); };
  return in.object(field) && !out.channel.empty();
}

bool read(reader& in, unsubscribe_command& out) {
  return read_channel(in, out);
}

bool read(reader& in, presence_command& out) {
  return read_channel(in, out);
}

bool read(reader& in, presence_stats_command& out) {
  return read_channel(in, out);
}

bool read(reader& in, rpc_command& out) {
  return in.object([&](std::string_view key) {
    if (key == "method") return in.string(out.method);
    if (key == "data") return payload(in, out.data);
    return in.skip();
  });
}

bool read(reader& in, refresh_command& out) {
  return in.object([&](std::string_view key) { return key == "token" ? in.string(out.token) : in.skip(); });
}

bool read(reader& in, sub_refresh_command& out) {
  const auto field = [&](std::string_view key) {
    if (key == "channel") return in.string(out.channel);
    if (key == "token") return in.string(out.token);
    return in.skip();
  };
  return in.object(field) && !out.channel.empty();
}

bool read(reader& in, send_command& out) {
  return in.object([&](std::string_view key) { return key == "data" ? payload(in, out.data) : in.skip(); });
}

struct command_name {
  std::string_view name;
  bool (*read)(reader&, command&);
};

template <class Command>
constexpr command_name named(std::string_view name) {
  return {name, [](reader& in, command& out) { return read(in, out.body.emplace<Command>()); }};
}

constexpr std::array command_names{
    named<publish_command>("publish"),
    named<subscribe_command>("subscribe"),
    named<unsubscribe_command>("unsubscribe"),
    named<rpc_command>("rpc"),
    named<history_command>("history"),
    named<presence_command>("presence"),
    named<presence_stats_command>("presence_stats"),
    named<connect_command>("connect"),
    named<refresh_command>("refresh"),
    named<sub_refresh_command>("sub_refresh"),
    named<send_command>("send"),
};

bool read(reader& in, command& out) {
  bool has_body = false;
  bool has_other = false; // an id or a name that isn't known: not the empty command then
  const auto field = [&](std::string_view key) {
    if (in.take_null()) return true;
    if (key == "id") {
      has_other = true;
      return in.integer(out.id);
    }
    for (const auto& known : command_names)
      if (key == known.name) {
        if (has_body) return false;
        has_body = true;
        return known.read(in, out);
      }
    has_other = true;
    return in.skip();
  };
  if (!in.object(field) || !in.finish()) return false;
  if (!has_body) return !has_other;
  return out.id != 0 || std::holds_alternative<send_command>(out.body);
}

/// Hands on the command of one line and sets `more` to the handler's answer.
bool decode_line(std::string_view line, const codec::command_handler& handle, bool& more) {
  // A carriage return between tokens is valid, but would break the lines of an event stream further on.
  std::string flat;
  if (line.find('\r') != std::string_view::npos) {
    if (!json::valid(line)) return false;
    json::append_one_line(flat, line);
    line = flat;
  }
  reader in(line);
  command out;
  out.raw = line;
  if (!read(in, out)) return false;
  more = handle(out);
  return true;
}

} // namespace

bool json_codec::decode(const padded_text& message, const command_handler& handle) const {
  auto rest = message.view();
  if (rest.ends_with('\n')) rest.remove_suffix(1);
  for (bool more = true; more;) {
    const auto end = rest.find('\n');
    if (!decode_line(rest.substr(0, end), handle, more)) return false;
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return true;
}

} // namespace plexus::protocol
