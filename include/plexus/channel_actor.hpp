#pragma once
// A channel with behaviour. Derive from `channel_actor`, override the handlers you need, name your members in
// PLEXUS_STATE, register the class under a name, and give a namespace `"actor": "NAME"`. docs/channel-actors.md
// begins with one in ten minutes.
//
// Each channel of such a namespace has one object of your class, on one node of the cluster. Its handlers run one
// at a time, so it needs no locks; the thread is shared with other channels, so a handler must not wait for
// anything.
//
// A handler is all or nothing. What it does to the state, publishes, answers and sets is collected and written in
// one step; only then does anybody hear of it. If it throws, nothing of that has happened, and the object is made
// anew from the state before. The same happens when its node dies: another node makes the object from what was
// written. So an actor never sees half of a command, and a member that isn't in PLEXUS_STATE is lost now and then.

#include <plexus/plugin.hpp>
#include <plexus/state.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plexus {

using milliseconds = std::chrono::milliseconds;
/// What an actor's time is counted in: since 1970.
using time_point = std::chrono::time_point<std::chrono::system_clock, milliseconds>;

/// A subscription: one client that has the channel.
struct member {
  std::string client; ///< the connection's id; a user with two windows has two
  std::string user;   ///< empty: anonymous
  std::string info;   ///< of the connection, from the token: JSON text or empty
  std::string node;   ///< the node it is connected to, by its id
};
/// By client id.
using member_map = std::map<std::string, member, std::less<>>;

/// Thrown from a handler: refuses what was asked, with this answer, and leaves the state as it was.
class refusal : public std::runtime_error {
public:
  /// `code`: one of the engine's (docs/what-happens-when.md) or your own, 400 to 1999. Anything else becomes 100.
  refusal(std::uint16_t code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] std::uint16_t code() const noexcept { return code_; }

private:
  std::uint16_t code_;
};

/// What every request of a client can be answered with.
class request {
public:
  /// Says no. The state stays as the handler leaves it, unlike with `throw refusal`.
  void refuse(std::uint16_t code, std::string message) {
    code_ = code == 0 ? 100 : code;
    message_ = std::move(message);
  }
  [[nodiscard]] bool refused() const noexcept { return code_ != 0; }

  // For whoever runs the actor.
  [[nodiscard]] std::uint16_t code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }

private:
  std::uint16_t code_ = 0;
  std::string message_;
};

/// A client wants the channel. The engine has checked its rights; unless refused it becomes a member.
class subscribing : public request {
public:
  explicit subscribing(const member& w) : who(w) {}
  const member& who;
  /// JSON text that the client gets with its subscription. Publications that are not in it follow it.
  void reply(std::string json) { reply_ = std::move(json); }
  [[nodiscard]] const std::string& answer() const noexcept { return reply_; }

private:
  std::string reply_;
};

/// A client, or the back end, wants to publish. Unless refused or taken over, `data` is published in its name.
class publishing : public request {
public:
  publishing(const member* f, std::string d) : from(f), data(std::move(d)) {}
  const member* from; ///< null: the back end
  std::string data;   ///< JSON text; may be replaced
  /// The publisher is answered as if it was published, but it isn't: the actor publishes what it wants instead.
  void take_over() { taken_ = true; }
  [[nodiscard]] bool taken_over() const noexcept { return taken_; }

private:
  bool taken_ = false;
};

/// An RPC: `{"method":"NAME.verb","data":{"channel":...}}`.
class call : public request {
public:
  call(const member& f, std::string_view v, std::string_view d, std::string_view t) :
      from(f), verb(v), data(d), ticket_(t) {}
  const member& from;
  std::string_view verb; ///< what follows the actor's name and a dot
  std::string_view data; ///< JSON text, all of it
  /// JSON text for the caller; without one it gets `{}`.
  void reply(std::string json) { reply_ = std::move(json); }
  /// No such verb: error 108. What a call that nobody answers gets too.
  void unknown() { refuse(108, "not available"); }
  /// The answer comes later: `channel_actor::answer` with this ticket, from any handler. Its node gives the
  /// caller error 100 when that takes longer than a lease and five seconds; keep the ticket in the state. The same
  /// call with the same idempotency key waits for the same answer.
  [[nodiscard]] std::string answer_later() {
    later_ = true;
    return std::string(ticket_);
  }
  [[nodiscard]] const std::string& answer() const noexcept { return reply_; }
  [[nodiscard]] bool later() const noexcept { return later_; }

private:
  std::string_view ticket_;
  std::string reply_;
  bool later_ = false;
};

/// What came of `channel_actor::run_aside`.
struct aside_result {
  std::string value; ///< what the function returned
  std::string error; ///< not empty: it threw, and this was said
};

/// How an actor came to be where it is.
enum class start_reason : std::uint8_t {
  first,  ///< there is no state yet
  again,  ///< it was put aside because nobody used it, and is wanted again
  moved,  ///< another node handed it over
  rescued ///< another node died or lost it
};
enum class stop_reason : std::uint8_t {
  idle,    ///< nobody uses it: it is put aside, with its state
  moved,   ///< another node takes it over, or this one stops
  finished ///< `finish` was called: the state is dropped
};
/// Why a subscription ended.
enum class end_reason : std::uint8_t {
  unsubscribed, ///< by the client or the back end
  disconnected, ///< its connection ended, cleanly or not
  removed,      ///< by `channel_actor::remove`
  node_lost     ///< its node died
};

namespace detail {

/// What an actor's methods do; implemented by the node and by the test kit.
class actor_context {
public:
  [[nodiscard]] virtual const std::string& channel() const = 0;
  [[nodiscard]] virtual time_point now() const = 0;
  [[nodiscard]] virtual const member_map& members() const = 0;
  virtual void publish(std::string data, std::vector<std::pair<std::string, std::string>> tags, bool keep) = 0;
  virtual void set_timer(std::string name, milliseconds after, milliseconds every) = 0;
  virtual void cancel_timer(std::string_view name) = 0;
  virtual void remove(std::string_view client, std::uint16_t code) = 0;
  virtual void set_presence(std::string_view client, std::string json) = 0;
  virtual void record(std::string change) = 0;
  virtual void answer(std::string_view ticket, std::uint16_t code, std::string text) = 0;
  virtual void run_aside(std::string name, std::function<std::string()> work) = 0;
  virtual void finish() = 0;
  virtual void log(std::string_view text) = 0;
  /// For `plexus/caf.hpp`: null in the test kit.
  [[nodiscard]] virtual void* native_loop() const = 0;

protected:
  ~actor_context() = default;
};

} // namespace detail

/// Base of your class. Made and destroyed by the engine, on one thread at a time; its constructor can't do anything
/// but initialise members. `noexcept` nowhere: any handler may throw.
class channel_actor {
public:
  channel_actor() = default;
  channel_actor(const channel_actor&) = delete;
  channel_actor& operator=(const channel_actor&) = delete;
  virtual ~channel_actor() = default;

  // -- the state: PLEXUS_STATE(...) or PLEXUS_NO_STATE writes these two

  virtual void save(state_writer& to) const = 0;
  virtual void load(state_reader& from) = 0;
  /// The state was read (or there is none): make what is derived from it. Called before any handler, also after a
  /// handler threw. Nothing can be published here.
  virtual void loaded() {}

  // -- handlers

  virtual void on_start(start_reason) {}
  /// The last chance to change the state before another object goes on with it.
  virtual void on_stop(stop_reason) {}
  /// Before a client becomes a member.
  virtual void on_subscribe(subscribing&) {}
  /// A subscription ended; it isn't in `members()` any more.
  virtual void on_unsubscribe(const member&, end_reason) {}
  /// A user's first subscription began. An anonymous client is a user of its own.
  virtual void on_join(const member&) {}
  /// A user's last subscription ended. After an unclean end, only when the namespace's `presence_grace` is over and
  /// the user hasn't come back.
  virtual void on_leave(const member&) {}
  virtual void on_publication(publishing&) {}
  virtual void on_call(call& c) { c.unknown(); }
  virtual void on_timer(std::string_view /*name*/) {}
  /// `run_aside` is done.
  virtual void on_aside(std::string_view /*name*/, const aside_result&) {}
  /// For `logged_channel_actor`.
  virtual void apply(std::string_view /*change*/) {}
  [[nodiscard]] virtual bool logs_changes() const noexcept { return false; }

  /// What inspection shows of the state (the admin page, `plexus admin actor`): JSON text of your choice, up to 64
  /// kB; empty: nothing. Called between two handlers, and only while an operator looks. Leave secrets out.
  [[nodiscard]] virtual std::string inspect() const { return {}; }

  // For whoever runs the actor.
  void bind(detail::actor_context* to) noexcept { context_ = to; }

protected:
  // -- what handlers can do

  [[nodiscard]] const std::string& channel() const { return here().channel(); }
  /// The time of this command; the same throughout a handler.
  [[nodiscard]] time_point now() const { return here().now(); }
  [[nodiscard]] const member_map& members() const { return here().members(); }

  /// To all subscribers, in this order, as any publication. `data` is JSON text.
  void publish(std::string data) { here().publish(std::move(data), {}, true); }
  void publish(std::string data, std::vector<std::pair<std::string, std::string>> tags) {
    here().publish(std::move(data), std::move(tags), true);
  }
  /// The same, but it isn't kept in the channel's history: for what is soon outdated.
  void publish_passing(std::string data) { here().publish(std::move(data), {}, false); }

  /// Calls `on_timer(name)` once, at `now() + after` or as soon as the actor runs somewhere. Replaces the timer of
  /// that name. Kept with the state.
  void set_timer(std::string name, milliseconds after) {
    here().set_timer(std::move(name), after, milliseconds{0});
  }
  /// Again and again. Times that were missed are left out.
  void set_interval(std::string name, milliseconds every) { here().set_timer(std::move(name), every, every); }
  void cancel_timer(std::string_view name) { here().cancel_timer(name); }

  /// Ends a member's subscription. Codes from 2500 on: its client library subscribes again by itself.
  void remove(std::string_view client, std::uint16_t code = 2000) { here().remove(client, code); }
  /// Changes what others see as the member's `chan_info`; in namespaces with `presence`.
  void set_presence(std::string_view client, std::string json) { here().set_presence(client, std::move(json)); }

  /// The answer to a call that was put off with `answer_later`.
  void answer(std::string_view ticket, std::string json) { here().answer(ticket, 0, std::move(json)); }
  void answer_refused(std::string_view ticket, std::uint16_t code, std::string message) {
    here().answer(ticket, code == 0 ? 100 : code, std::move(message));
  }

  /// Runs `work` on another thread, where it may wait (ask a database, call a service), then `on_aside` here.
  /// `work` must not touch this object: it may be gone by then. Begins only once this handler's effects are
  /// written, and is lost with the node: set a timer if it must be tried again.
  void run_aside(std::string name, std::function<std::string()> work) {
    here().run_aside(std::move(name), std::move(work));
  }

  /// This channel needs no actor any more: the state and all timers are dropped after this handler. Its members
  /// stay subscribed; the next command makes a new actor.
  void finish() { here().finish(); }

  /// One line in the node's log, with the channel's name.
  void log(std::string_view text) { here().log(text); }

  [[nodiscard]] detail::actor_context& here() const {
    if (context_ == nullptr) throw std::logic_error("an actor can only do this in a handler");
    return *context_;
  }

private:
  detail::actor_context* context_ = nullptr;
};

/// For large states. The state changes in `apply` alone: handlers look at it, decide, and `record` what changes.
/// Each change is written as it is; the whole state only now and then. `apply` must do the same every time: no
/// clock, no chance, nothing but the state and the change.
class logged_channel_actor : public channel_actor {
public:
  void apply(std::string_view change) override = 0;
  [[nodiscard]] bool logs_changes() const noexcept final { return true; }

protected:
  /// Calls `apply(change)` at once.
  void record(std::string change) { here().record(std::move(change)); }
};

} // namespace plexus
