#pragma once
// The sockets of one loop, and for each channel who is to be written to. Plain state; `transport_actor` hands it
// the messages of channels, connections call it directly as their port.

#include "actors/connection/client.hpp"
#include "actors/connection/port.hpp"
#include "transport/fan_out_table.hpp"
#include "transport/front/address_limit.hpp"
#include "transport/front/front.hpp"
#include "transport/link_owner.hpp"
#include "transport/queue_budget.hpp"
#include "transport/site.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace plexus::transport {

class session;
class websocket_session;
class stream_session;
struct session_key;
struct stream_opening;
using channel::session_id;

/// What all loops share about the number of clients and what waits for them.
struct client_limit {
  std::atomic<std::size_t> clients{0};
  std::atomic<std::size_t> max{0};
  std::atomic<bool> leaving{false}; ///< the node is stopped or replaced: not ready, no connection is kept for later
  std::atomic<bool> closed{false};  ///< nobody new
  front::address_limit addresses;   ///< how often each may connect
  queue_budget queues;
};

class loop_transport : public link_owner, public connection::client_port {
public:
  loop_transport(runtime::loop& home, const site& routes, client_limit& limit);
  ~loop_transport() override;

  /// Before the loop starts: what connections are made with. `env.port` is this object.
  void connect(std::unique_ptr<connection::client_environment> env);
  [[nodiscard]] connection::client_environment& environment() noexcept { return *env_; }

  /// A connected socket, non-blocking; `internal`: it came over the internal port.
  void adopt_socket(int descriptor, bool internal);
  /// Makes a session of a link whose handshake is done. `deflate`: the agreed window, 0 for none.
  void open_session(link& l, const protocol::codec& codec, framing how, websocket::window_bits deflate,
                    std::string_view leftover);
  /// Makes a session of a request whose response is the client's stream. `leftover`: bytes that came behind it.
  void open_stream(link& l, stream_opening what, std::string leftover);
  /// Runs `work` once what this turn has written is out.
  void next_turn(runtime::task work) { later_.push_back(std::move(work)); }
  /// True and counted when another client fits.
  bool take_place();

  /// Null for one that is gone.
  [[nodiscard]] session* find(session_id id) const noexcept;
  /// The connection actors of all sessions.
  [[nodiscard]] std::vector<caf::actor> clients() const;

  // For the transport actor.
  void fan_out(const protocol::broadcast_ptr& what) { table_.emit(what); }
  void dissolve(const std::string& channel);
  void deliver(session_id to, std::string_view bytes, channel::reply_room::share owed);
  void admit(session_id to, std::string_view channel, channel::subscriber_kind kind, std::string_view bytes,
             channel::reply_room::share owed);

  /// A message that came beside the stream of `to`; see `session_gateway`. False: that client has too many waiting.
  /// A session that is gone takes it all.
  bool deliver_beside(const session_key& to, protocol::padded_text message);

  // connection::client_port
  void send(session_id to, std::string_view bytes) override;
  void hold(session_id who) override;
  void release(session_id who, std::string_view first, channel::reply_room::share owed) override;
  void dismiss(session_id who, std::string_view channel) override;
  void handled(session_id who) override;
  void close(session_id who, std::uint16_t code, std::string_view reason) override;
  [[nodiscard]] connection::return_address address(session_id who) override;
  [[nodiscard]] progress progress_of(session_id who) override;

  // link_owner
  [[nodiscard]] std::size_t max_queue() const noexcept override;
  bool may_come(link& l) override;
  void on_closed() override;

  /// What the public port does with connections; before the loop starts, then on it.
  void set_front(front::rules_ptr rules) { front_ = std::move(rules); }
  [[nodiscard]] const front::rules& front() const noexcept { return *front_; }
  /// How long this link's client has to wait until it may connect; 0: it may, and was counted.
  std::chrono::seconds wait_to_connect(link& l);

  [[nodiscard]] fan_out_table& table() noexcept { return table_; }
  [[nodiscard]] const site& routes() const noexcept { return routes_; }
  [[nodiscard]] client_limit& limit() noexcept { return limit_; }
  /// Open sockets, for the acceptor's choice of a loop.
  std::atomic<std::size_t> sockets{0};

  /// Closes whatever is still open; the last thing before the loop ends.
  void shut() { abort_all(); }

protected:
  /// The stage of a link whose handshake is done. A test may have another.
  virtual std::unique_ptr<websocket_session> make_session(link& l, session_id id, bool deflate);

private:
  friend class session;
  struct slot {
    transport::session* session = nullptr;
    std::uint32_t generation = 0;
  };
  session_id free_slot();
  /// Gives the session its actor and the link its next stage.
  void install(link& l, std::unique_ptr<session> made, const protocol::codec& codec);
  void forget_session(session& s);
  void write(session& to, std::string_view bytes);
  segment make_large(session& to, std::string_view bytes, channel::reply_room::share owed);
  void end_turn();
  bool set_up_front(link& l);

  const site& routes_;
  client_limit& limit_;
  front::rules_ptr front_ = std::make_shared<const front::rules>();
  std::unique_ptr<connection::client_environment> env_;
  std::vector<slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  fan_out_table table_;
  std::vector<runtime::task> later_;
  std::size_t share_; ///< of the queues' memory
};

} // namespace plexus::transport
