#pragma once
// A node without sockets and threads: a loop that the scenario turns, real channels, connections, fan-out and
// frames. Names are outside of plexus, so that nothing here is counted.

#include "actors/channel/delivery.hpp"
#include "actors/channel/router.hpp"
#include "actors/connection/connection_actor.hpp"
#include "actors/connection/directory.hpp"
#include "actors/protocol/json_codec.hpp"
#include "actors/protocol/protobuf_codec.hpp"
#include "backplane/memory_backplane.hpp"
#include "transport/fan_out_table.hpp"
#include "transport/outbound.hpp"
#include "transport/websocket/frame.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace instruction_scenario {

using namespace plexus;
using connection::session_id;
using transport::websocket::opcode;

/// A client's frame, masked.
std::string frame(opcode kind, std::string_view payload);

/// What came out, by kind.
struct tally {
  std::size_t replies = 0, publications = 0, joins = 0, leaves = 0, pings = 0, pongs = 0, closes = 0, others = 0;
  std::size_t bytes = 0;
  friend bool operator==(const tally&, const tally&) = default;
  /// Throws std::runtime_error, and says on standard error what differs.
  void require(const tally& expected) const;
};

class stage;

/// What a websocket_session is to a node, with nobody behind it.
class session final : public transport::fan_out_member, private transport::websocket::frame_sink {
public:
  session(stage& on, session_id id, const protocol::codec& how);

  /// Bytes from the client.
  void feed(std::string_view bytes);
  /// A message for this one alone.
  void send(std::string_view message);
  void put(std::string_view bytes);
  void hold() {
    out_.set_mark();
    held_ = true;
  }
  void release(std::string_view first);
  /// End of the turn: all is gone.
  void flush() { out_.clear(); }
  /// The connection is gone.
  void lose(bool clean);

  void take(transport::segment s, bool last) override;

  [[nodiscard]] std::size_t number() const { return id_.slot; }
  bool lost = false;
  std::string last_reply, last_publication; ///< as the client got them

private:
  bool on_message(opcode kind, protocol::padded_text message) override;
  bool on_ping(std::string_view payload) override;
  bool on_pong(std::string_view) override { return true; }
  bool on_close(transport::websocket::close_status code, std::string_view reason) override;
  void on_fault(transport::websocket::close_status code, std::string_view why) override;
  void count(std::string_view bytes);
  void count_text(std::string_view text);
  void count_binary(std::string_view message);

  stage& on_;
  session_id id_;
  caf::actor client_;
  transport::websocket::frame_reader reader_{65536};
  transport::outbound out_;
  bool held_ = false;
};

class stage final : private connection::client_port, private backplane::listener {
public:
  explicit stage(config::settings all);
  ~stage() override;

  session& open(protocol::format how = protocol::format::json);
  /// Until nothing is left to do.
  void turn();
  [[nodiscard]] std::size_t channels() { return channels_.table(home()).all().size(); }
  [[nodiscard]] std::size_t clients() { return clients_.on(home()).clients(); }

  runtime::loop& home() { return loops_.at(0); }
  transport::fan_out_table table;
  tally got;
  /// Hears each message that goes to a client, if set.
  std::function<void(const session&, std::string_view)> heard;

private:
  friend class session;
  class actor;

  session* find(session_id id) { return sessions_[id.slot]->lost ? nullptr : sessions_[id.slot].get(); }

  void send(session_id to, std::string_view bytes) override;
  void hold(session_id who) override;
  void release(session_id who, std::string_view first, channel::reply_room::share owed) override;
  void dismiss(session_id who, std::string_view channel) override;
  void close(session_id who, std::uint16_t code, std::string_view reason) override;

  // There are no other nodes.
  void published(const std::string&, protocol::publication_ptr) override {}
  void presence_changed(const std::string&, const backplane::presence_change&) override {}
  void in_doubt(const std::string&) override {}
  void presence_in_doubt(const std::string&) override {}

  runtime::runtime loops_{1};
  std::shared_ptr<const config::settings> settings_;
  backplane::memory_backplane plane_;
  channel::channel_router channels_;
  connection::directory clients_{1};
  connection::client_environment env_;
  protocol::json_codec json_;
  protocol::protobuf_codec protobuf_;
  std::vector<std::unique_ptr<session>> sessions_; ///< by slot
};

} // namespace instruction_scenario
