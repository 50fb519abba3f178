#pragma once
// One client: who it is, what it is subscribed to, when it must answer or renew; turns commands into messages to
// channels. Plain state, without sockets and without a clock of its own; `connection_actor` is the shell around it.
//
// Split by subject: client.cpp (life, time), client_connect.cpp (connect, tokens), client_subscribe.cpp
// (subscriptions), client_commands.cpp (publish, reads, RPC).

#include "actors/channel/messages.hpp"
#include "actors/channel/router.hpp"
#include "actors/connection/denials.hpp"
#include "actors/connection/held_token.hpp"
#include "actors/connection/library_names.hpp"
#include "actors/connection/messages.hpp"
#include "actors/connection/port.hpp"
#include "actors/connection/rate_gate.hpp"
#include "actors/connection/rights.hpp"
#include "actors/connection/token.hpp"
#include "actors/protocol/codec.hpp"
#include "config/settings.hpp"

#include <caf/actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plexus {
class hooks;
struct caller;
} // namespace plexus

namespace plexus::connection {

class reply_promise;

/// What the clients of one loop share; owned by the loop's transport, on its thread. `settings` and `verifier` are
/// replaced together at a reload.
struct client_environment {
  runtime::loop& home;
  client_port& port;
  caf::actor transport; ///< of this loop
  channel::channel_router& channels;
  directory& clients;
  std::shared_ptr<const config::settings> settings;
  std::shared_ptr<const token_verifier> verifier;
  std::string version;               ///< of the server, for the connect reply
  std::string node{};                ///< this node's id, for clients that send beside their stream
  denials denied{};                  ///< of users and tokens
  extension::host* actors = nullptr; ///< null: no channel has an actor
  const std::vector<std::unique_ptr<plexus::hooks>>* hooks = nullptr; ///< null: none, which costs nothing
  library_names libraries{};
};

/// The time as both of its kinds: steady for timers, Unix seconds for tokens.
struct moment {
  std::chrono::steady_clock::time_point steady;
  std::int64_t unix_seconds = 0;
  static moment now();
};

class client {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `self`: the actor that answers of channels are sent to.
  client(client_environment& env, session_id session, const protocol::codec& codec, caf::actor_addr self,
         moment now);
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// One message of the client.
  void on_message(const protocol::padded_text& text, moment now);
  void on_sub_result(sub_result& m, moment now);
  void on_dissolved(const std::string& channel);
  void on_kick(std::uint16_t code, std::string_view reason) { close(code, reason); }
  void on_recheck(bool all_older, moment now);
  void on_server_subscribe(const server_subscribe& m, moment now);
  void on_server_unsubscribe(const server_unsubscribe& m);
  void on_server_refresh(const server_refresh& m, moment now);
  /// `welcome`: one that hasn't had the answer to its `connect` yet has it first.
  void on_depart(time_point when, bool welcome) {
    depart_at_ = when;
    welcome_ = welcome;
  }
  void on_stay() { depart_at_ = {}; }
  /// The transport is gone.
  void on_lost(bool clean);
  /// A handler threw: what is known of the client can't be relied on.
  void on_failure() { close(protocol::disconnect_code::server_error); }

  /// When `on_due` wants to be called.
  [[nodiscard]] time_point next_due() const noexcept;
  void on_due(moment now);

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] const std::string& user() const noexcept { return user_; }
  [[nodiscard]] session_id session() const noexcept { return session_; }
  [[nodiscard]] bool connected() const noexcept { return phase_ == phase::connected; }
  [[nodiscard]] std::size_t subscriptions() const noexcept { return subs_.size(); }
  [[nodiscard]] caf::actor self() const;

  /// For inspection: what is known besides.
  struct facts {
    std::int64_t since = 0;                  ///< Unix seconds
    std::chrono::microseconds round_trip{0}; ///< of the last ping; 0: none yet
    const client_library* library = nullptr; ///< what the client says it uses; null: nothing
    std::string_view info;                   ///< JSON text or empty
    std::int64_t expires_at = 0;             ///< Unix seconds; 0: never
  };
  [[nodiscard]] facts about() const noexcept {
    return {since_, std::chrono::microseconds(round_trip_us_), library_, conn_info_, expires_at_};
  }
  struct subscription_facts {
    const std::string& channel;
    bool open = false; ///< the channel has answered
    bool server_side = false;
    std::int64_t expires_at = 0; ///< Unix seconds; 0: never
  };
  template <class Work>
  void each_subscription(Work work) const {
    for (auto& s : subs_) work(subscription_facts{s.channel, s.open, s.server_side, s.expires_at});
  }
  /// By its place, for those who look at some at a time; below `subscriptions()`.
  [[nodiscard]] std::string_view subscription_at(std::size_t place) const { return subs_[place].channel; }

  std::size_t list_index = 0; ///< in `client_list`

private:
  [[nodiscard]] bool departs() const noexcept { return !welcome_ || (phase_ == phase::connected && !connecting_); }
  static time_point together(time_point due, config::duration interval) noexcept;
  enum class phase : std::uint8_t { fresh, connected, closed };

  struct subscription {
    std::string channel;
    std::uint32_t ticket = 0;
    bool open = false;        ///< false: the channel's answer is on its way
    bool server_side = false; ///< from the token or the API
    /// Unsubscribed by the API before it was open.
    std::optional<protocol::unsubscribe_code> end_when_open;
    std::vector<protocol::padded_text> behind; ///< commands on this channel that came before the channel's answer
    std::int64_t expires_at = 0;               ///< Unix seconds; 0: never
    time_point close_at{};                     ///< expires_at and the grace for a refresh
    std::unique_ptr<held_token> token;         ///< null: subscribed without one
  };

  // client.cpp
  /// Whether the ping is still behind something that the client is reading.
  bool ping_under_way();
  /// `span` from now; a span of 0 means never.
  static time_point in(config::duration span, moment now) noexcept;
  /// When something that expires at a Unix time is ended: a while later, since the client renews it when it is due.
  [[nodiscard]] time_point close_time(std::int64_t expires_at, moment now) const noexcept;
  void close(protocol::disconnect_code code);
  void close(std::uint16_t code, std::string_view reason);
  void send(std::uint32_t id, const protocol::reply& what);
  void push(std::string_view channel, const protocol::push& what);
  void refuse(std::uint32_t id, protocol::error_code code);
  void refuse(std::uint32_t id, std::uint16_t code, const std::string& message);
  /// What is owed for a command while others work on it.
  [[nodiscard]] std::shared_ptr<reply_promise> promise(std::uint32_t id) const;
  /// The same for a reply that may be large.
  [[nodiscard]] std::shared_ptr<reply_promise> promise_large(std::uint32_t id);
  [[nodiscard]] const std::shared_ptr<channel::reply_room>& room();
  void leave_all(bool clean);
  /// A continuation for a channel: what `make` returns is the reply.
  template <class T, class Make>
  static std::function<void(backplane::outcome<T>)> answer(std::shared_ptr<reply_promise> to, Make make);

  /// `again`: it waited for a channel's answer, and was counted when it came.
  void handle(const protocol::padded_text& text, moment now, bool again);

  // client_hooks.cpp: false, or true of `call_hook`: the command has been answered
  [[nodiscard]] caller as_caller() const;
  bool connect_hook(claims& who, const protocol::connect_command& c, std::string& reply);
  bool subscribe_hook(std::uint32_t id, const protocol::subscribe_command& c, std::string& reply);
  bool publish_hook(std::uint32_t id, const protocol::publish_command& c, std::string& data);
  bool rpc_hook(std::uint32_t id, const protocol::rpc_command& c);
  void joined_hook(const std::string& channel);
  void left_hook(const std::string& channel);
  void call_actor(std::uint32_t id, const protocol::rpc_command& c, moment now);

  // client_connect.cpp
  bool dispatch(const protocol::command& c, moment now);
  /// False: the command is over `client.rate` and has been answered.
  bool within_rate(const protocol::command& c, moment now);
  void on(std::uint32_t id, const protocol::connect_command& c, moment now);
  void on(std::uint32_t id, const protocol::refresh_command& c, moment now);
  /// Of a client that came while `client.insecure` was on, no token runs out.
  [[nodiscard]] std::variant<claims, token_fault> verify(std::string_view token, moment now) const;
  /// Whether the user or the token is refused by the API's word; of the connection's user.
  [[nodiscard]] denial denied(const claims& who, moment now) const;
  [[nodiscard]] denial denied(const held_token& token, moment now, bool in_use) const;
  [[nodiscard]] std::unique_ptr<held_token> hold(claims& who);
  void finish_connect();
  void set_expiry(std::optional<std::int64_t> expires_at, moment now);
  [[nodiscard]] std::uint32_t ttl(std::int64_t expires_at, moment now) const noexcept;

  // client_subscribe.cpp
  void on(std::uint32_t id, const protocol::subscribe_command& c, moment now);
  void on(std::uint32_t id, const protocol::unsubscribe_command& c, moment now);
  void on(std::uint32_t id, const protocol::sub_refresh_command& c, moment now);
  using judged_token = std::variant<claims, token_fault>;
  /// Checks what was found about the token of a subscription. False: it was answered or the connection is closed.
  bool accept_sub_token(std::uint32_t id, std::string_view channel, judged_token& verified, moment now,
                        claims& out);
  struct open_request {
    std::string channel;
    std::uint32_t id = 0; ///< of the command; 0: server-side
    bool in_connect = false;
    std::string channel_info, data;
    std::string asked{}; ///< the client's own data, for the channel's actor
    std::optional<protocol::position> since;
    bool wants_position = false, wants_join_leave = false, wants_recovery = false, refuse_unrecoverable = false;
    bool wants_delta = false;
    std::int64_t expires_at = 0;
    std::unique_ptr<held_token> token;
  };
  void open(open_request r, moment now);
  void end_subscription(std::size_t index, bool clean);
  subscription* find(std::string_view channel);
  /// True when the command waits for the channel's answer to the subscription before it (or was refused: too many
  /// do).
  bool must_wait(std::uint32_t id, std::string_view channel, bool is_subscribe);
  [[nodiscard]] bool channels_full() const noexcept;

  // client_commands.cpp
  void on(std::uint32_t id, const protocol::publish_command& c, moment now);
  void on(std::uint32_t id, const protocol::presence_command& c, moment now);
  void on(std::uint32_t id, const protocol::presence_stats_command& c, moment now);
  void on(std::uint32_t id, const protocol::history_command& c, moment now);
  void on(std::uint32_t id, const protocol::rpc_command& c, moment now);
  void on(std::uint32_t, const protocol::send_command&, moment);
  void on(std::uint32_t, const protocol::pong_command&, moment);
  void update_presence(std::uint32_t id, std::string_view data);
  /// The channel's options if its name and namespace are good; else the command has been refused.
  const config::channel_options* options_for(std::uint32_t id, std::string_view channel);
  [[nodiscard]] bool may(action what, std::string_view channel, const config::channel_options& options);
  [[nodiscard]] const std::shared_ptr<const protocol::client_info>& info();

  // client_trace.cpp; while somebody watches
  void trace_in(const protocol::command& c) const;
  void trace_decision(std::string_view kind, std::string_view channel, std::string_view why,
                      std::uint64_t code) const;
  void trace_not_allowed(action what, std::string_view channel, const config::channel_options& options);

  client_environment& env_;
  session_id session_;
  const protocol::codec& codec_;
  caf::actor_addr self_;
  std::string id_;
  std::string user_;
  std::string conn_info_;
  std::unique_ptr<held_token> token_;                 ///< null: connected without one
  std::shared_ptr<const protocol::client_info> info_; ///< made with the first publish
  std::vector<subscription> subs_;

  phase phase_ = phase::fresh;
  bool insecure_ = false;
  bool has_place_ = false; ///< counted in `directory`
  bool awaiting_pong_ = false;
  std::uint32_t next_ticket_ = 0;
  std::string_view raw_; ///< of the command being handled

  /// A connect command whose server-side subscriptions are being opened. Whatever is said to the client meanwhile
  /// is held back by the port, behind the connect reply.
  struct pending_connect {
    std::uint32_t id = 0;
    std::size_t left = 0;
    protocol::connect_reply reply;
    std::vector<channel::reply_room::share> owed;
  };
  std::unique_ptr<pending_connect> connecting_;
  std::unique_ptr<rate_gate> rate_;           ///< while a rate is configured
  std::shared_ptr<channel::reply_room> room_; ///< made with the first command whose reply may be large

  time_point ping_at_; ///< before connecting: the connect time-out
  time_point pinged_at_{};
  /// Where the ping ends that is under way behind a large reply, and what had arrived when last looked; else 0.
  std::uint64_t ping_end_ = 0, arrived_ = 0;
  time_point depart_at_{};
  bool welcome_ = false; ///< to connect, before it is told to depart
  time_point expiry_close_at_{};
  std::int64_t expires_at_ = 0;
  const client_library* library_ = nullptr;
  std::uint32_t since_; ///< Unix seconds
  std::uint32_t round_trip_us_ = 0;
};

} // namespace plexus::connection
