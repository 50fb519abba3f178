#include "tests/instructions/stage.hpp"

#include "transport/transport_metrics.hpp"

#include <caf/send.hpp>

#include <cstdio>
#include <stdexcept>

namespace instruction_scenario {

namespace metrics = transport::metrics;
namespace websocket = transport::websocket;

std::string frame(opcode kind, std::string_view payload) {
  std::string out(1, static_cast<char>(0x80U | static_cast<unsigned>(kind)));
  if (payload.size() < 126) {
    out += static_cast<char>(0x80U | payload.size());
  } else {
    out += static_cast<char>(0x80U | 126U);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 255);
  }
  constexpr std::string_view mask = "\x37\xfa\x21\x3d";
  out += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ mask[i % 4]);
  return out;
}

void tally::require(const tally& expected) const {
  if (*this == expected) return;
  const auto line = [](const char* name, std::size_t is, std::size_t should) {
    std::fprintf(stderr, "%-14s %10zu, expected %10zu\n", name, is, should);
  };
  line("replies", replies, expected.replies);
  line("publications", publications, expected.publications);
  line("joins", joins, expected.joins);
  line("leaves", leaves, expected.leaves);
  line("pings", pings, expected.pings);
  line("pongs", pongs, expected.pongs);
  line("closes", closes, expected.closes);
  line("others", others, expected.others);
  line("bytes", bytes, expected.bytes);
  throw std::runtime_error("other messages came out than should have");
}

session::session(stage& on, session_id id, const protocol::codec& how) :
    on_(on), id_(id), client_(runtime::spawn_on<connection::connection_actor>(on.home(), on.env_, id, how)) {
  format = how.which();
  if (format == protocol::format::protobuf) framing = transport::framing::websocket_binary;
}

void session::feed(std::string_view bytes) {
  std::string copy(bytes); // it is unmasked in place
  reader_.feed(copy, *this);
}

void session::put(std::string_view bytes) {
  count(bytes);
  out_.append(bytes);
}

void session::send(std::string_view message) {
  if (message.empty()) return;
  on_.table.cut(*this);
  std::string bytes;
  transport::append_framed(bytes, framing, message);
  metrics::messages_out.add();
  put(bytes);
}

void session::release(std::string_view first) {
  if (!held_) {
    send(first);
    return;
  }
  std::string bytes;
  transport::append_framed(bytes, framing, first);
  count(bytes);
  out_.insert_at_mark(bytes);
  held_ = false;
}

void session::take(transport::segment s, bool) {
  count(std::string_view(s.data->bytes).substr(s.from, s.size()));
  out_.append(std::move(s));
}

void session::lose(bool clean) {
  if (lost) return;
  lost = true;
  on_.table.remove_all(*this);
  caf::anon_send(client_, connection::lost{clean});
  client_ = nullptr;
}

bool session::on_message(opcode, protocol::padded_text message) {
  metrics::messages_in.add();
  caf::anon_send(client_, connection::inbound{std::move(message)});
  return true;
}

bool session::on_ping(std::string_view payload) {
  std::string bytes;
  websocket::append_header(bytes, opcode::pong, payload.size());
  bytes.append(payload);
  on_.table.cut(*this);
  put(bytes);
  return true;
}

bool session::on_close(websocket::close_status code, std::string_view) {
  std::string bytes;
  websocket::append_close(bytes, static_cast<std::uint16_t>(code), {});
  put(bytes);
  lose(true);
  return false;
}

void session::on_fault(websocket::close_status, std::string_view) {
  ++on_.got.others;
}

void session::count(std::string_view bytes) {
  auto& got = on_.got;
  got.bytes += bytes.size();
  const auto byte = [&bytes](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
  };
  while (!bytes.empty()) {
    const auto kind = static_cast<opcode>(byte(0) & 15);
    std::size_t size = byte(1), begin = 2;
    if (size == 126) {
      size = byte(2) << 8 | byte(3);
      begin = 4;
    } else if (size == 127) {
      size = byte(6) << 24 | byte(7) << 16 | byte(8) << 8 | byte(9);
      begin = 10;
    }
    const auto message = bytes.substr(begin, size);
    if (on_.heard && kind == opcode::text) on_.heard(*this, message);
    if (kind == opcode::pong) {
      ++got.pongs;
    } else if (kind == opcode::close) {
      ++got.closes;
    } else if (kind == opcode::binary) {
      count_binary(message);
    } else {
      count_text(message);
    }
    bytes.remove_prefix(begin + size);
  }
}

void session::count_text(std::string_view text) {
  auto& got = on_.got;
  const auto has = [text](std::string_view what) {
    return text.substr(0, 60).find(what) != std::string_view::npos;
  };
  if (text == "{}") {
    ++got.pings;
  } else if (text.starts_with("{\"id\":")) {
    ++got.replies;
    last_reply = text;
  } else if (has("\"pub\":")) {
    ++got.publications;
    last_publication = text;
  } else if (has("\"join\":")) {
    ++got.joins;
  } else if (has("\"leave\":")) {
    ++got.leaves;
  } else {
    ++got.others;
  }
}

void session::count_binary(std::string_view message) {
  auto& got = on_.got;
  const auto number = [](std::string_view& from) {
    std::size_t value = 0;
    for (unsigned shift = 0; !from.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(from.front());
      from.remove_prefix(1);
      value |= static_cast<std::size_t>(byte & 127U) << shift;
      if (byte < 128) break;
    }
    return value;
  };
  // A field's tag: its number and that its length follows. The id of a reply is a number.
  constexpr char reply_id = 1 << 3, reply_push = 4 << 3 | 2, push_channel = 2 << 3 | 2;
  while (!message.empty()) {
    const auto size = number(message);
    auto one = message.substr(0, size);
    message.remove_prefix(size);
    if (one.empty()) {
      ++got.pings;
    } else if (one.front() == reply_id) {
      ++got.replies;
      last_reply = one;
    } else if (one.front() == reply_push) {
      one.remove_prefix(1);
      number(one);
      const auto whole = one;
      if (!one.empty() && one.front() == push_channel) {
        one.remove_prefix(1);
        one.remove_prefix(number(one));
      }
      switch (one.empty() ? 0 : static_cast<unsigned char>(one.front()) >> 3) {
      case 4:
        ++got.publications;
        last_publication = whole;
        break;
      case 5:
        ++got.joins;
        break;
      case 6:
        ++got.leaves;
        break;
      default:
        ++got.others;
      }
    } else {
      ++got.others;
    }
  }
}

class stage::actor final : public runtime::pinned_actor {
public:
  actor(caf::actor_config& config, runtime::loop& home, stage& of) :
      runtime::pinned_actor(config, home, "transport"), of_(of) {}

  caf::behavior make_behavior() override {
    return {
        [this](const channel::fan_out& m) { of_.table.emit(m.what); },
        [this](const channel::deliver& m) {
          of_.send(m.to, m.bytes);
          if (m.then) m.then();
        },
        [this](const channel::admit& m) {
          of_.send(m.to, m.bytes);
          if (auto* s = of_.find(m.to)) of_.table.add(*s, m.channel, m.kind);
          if (m.then) m.then();
        },
        [this](const channel::dissolve&) { ++of_.got.others; },
    };
  }

private:
  stage& of_;
};

stage::stage(config::settings all) :
    settings_(std::make_shared<const config::settings>(std::move(all))),
    plane_(
        std::make_shared<backplane::memory_store>(), "node", *this,
        [this](std::string_view channel, backplane::backplane::task work) {
          loops_.of(channel).post(std::move(work));
        },
        [] {
          return std::chrono::duration_cast<std::chrono::milliseconds>(
              std::chrono::system_clock::now().time_since_epoch());
        }),
    channels_(loops_, plane_, settings_),
    env_{home(),
         *this,
         runtime::spawn_on<actor>(home(), *this),
         channels_,
         clients_,
         settings_,
         std::make_shared<connection::token_verifier>(settings_->client.token),
         "1.0"} {
  channels_.connect_transports({env_.transport});
  home().at_turn_end([this] {
    table.close_batches();
    table.accepted().clear();
    for (auto& s : sessions_) s->flush();
  });
}

stage::~stage() {
  for (auto& s : sessions_) s->lose(false);
  turn();
  for (const auto& [name, entry] : channels_.table(home()).all())
    caf::anon_send_exit(entry.actor, caf::exit_reason::user_shutdown);
  turn();
}

session& stage::open(protocol::format how) {
  const session_id id{static_cast<std::uint32_t>(sessions_.size()), 1};
  const bool is_protobuf = how == protocol::format::protobuf;
  const protocol::codec& codec = is_protobuf ? static_cast<const protocol::codec&>(protobuf_) : json_;
  return *sessions_.emplace_back(std::make_unique<session>(*this, id, codec));
}

void stage::turn() {
  // A message takes a few rounds from actor to actor, all of them in one turn; what a full turn left over, in the
  // next.
  for (int i = 0; i < 3; ++i) home().turn(false);
}

void stage::send(session_id to, std::string_view bytes) {
  if (auto* s = find(to)) s->send(bytes);
}

void stage::hold(session_id who) {
  if (auto* s = find(who)) s->hold();
}

void stage::release(session_id who, std::string_view first, channel::reply_room::share) {
  if (auto* s = find(who)) s->release(first);
}

void stage::dismiss(session_id who, std::string_view channel) {
  if (auto* s = find(who)) table.remove(*s, channel);
}

void stage::close(session_id who, std::uint16_t code, std::string_view reason) {
  auto* s = find(who);
  if (!s) return;
  table.cut(*s);
  std::string bytes;
  websocket::append_close(bytes, code, reason);
  s->put(bytes);
  s->lose(true);
}

} // namespace instruction_scenario
