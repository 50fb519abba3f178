#pragma once
// The members of one channel as this node knows them, as an actor beside its channel (same loop).

#include "actors/runtime/pinned_actor.hpp"
#include "backplane/backplane.hpp"
#include "presence/member_set.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

namespace plexus::presence {

/// A client of this node subscribed. Entering twice with other info is an update.
struct enter {
  protocol::client_info who;
};

/// A client of this node is gone from the channel. `clean` false: the member stays for `presence_grace`.
struct leave {
  std::string client;
  bool clean = true;
  std::chrono::milliseconds least_grace{0}; ///< for an unclean end: where `presence_grace` is shorter
};

/// Change the caller's channel info (`plexus.presence.update`). `done`: ok, or error 103 for no member.
struct update {
  std::string client;
  std::string channel_info;
  std::function<void(backplane::outcome<backplane::nothing>)> done;
};

/// `done` is called on the presence actor's loop, after all changes asked for before are in.
struct query {
  members_answer done;
};

/// The configuration was read again: for ends that come from now on.
struct set_grace {
  std::chrono::milliseconds grace;
};

/// What the presence actor tells its channel, on the same loop: pushes in the order of the versions.
class observer {
public:
  virtual ~observer() = default;
  virtual void joined(const protocol::client_info& who) = 0;
  virtual void left(const protocol::client_info& who) = 0;
  /// Nothing is under way here, and nobody within a grace: of what entered and left, so many messages are done
  /// with. When that is all that were sent and nobody is subscribed, no member is this node's; the channel may go.
  virtual void settled(std::uint64_t handled) = 0;
  /// The presence actor is ended by an exception: what it was told is lost, and it must be told nothing more.
  virtual void presence_failed() = 0;
};

/// Lives exactly as long as its channel actor, which owns it and outlives every call to `watcher`.
class presence_actor final : public runtime::pinned_actor {
public:
  presence_actor(caf::actor_config& config, runtime::loop& home, std::string channel, backplane::backplane& plane,
                 std::chrono::milliseconds grace, std::shared_ptr<observer*> watcher);
  ~presence_actor() override;
  caf::behavior make_behavior() override;
  void on_exit() override;

  /// Another node changed the set. Straight from the backplane's listener, on this actor's loop.
  void changed_elsewhere(const backplane::presence_change& change);
  /// Asks for a snapshot: changes may have been missed.
  void load();

private:
  struct grace_timer;
  struct load_timer;
  using change_answer = backplane::answer<backplane::presence_change>;

  change_answer begin_call(std::function<void(bool)> then);
  void finish_call();
  void release();
  void ask(std::function<void()> then);
  void in_order(std::function<void()> call);
  void on_update(presence::update& m);
  void on_leave(const presence::leave& m);
  void leave_now(const std::string& client);
  void on_change(const backplane::presence_change& change);
  void announce(const backplane::presence_change& change);
  void settle();

  std::string channel_;
  backplane::backplane& plane_;
  std::chrono::milliseconds grace_;
  /// Points to null once the channel is gone; shared, since both sides may end first.
  std::shared_ptr<observer*> watcher_;
  member_set members_;
  std::unordered_map<std::string, std::unique_ptr<grace_timer>> leaving_; ///< unclean ends within their grace
  std::uint64_t started_ = 0, finished_ = 0;                              ///< calls to the backplane
  std::uint64_t handled_ = 0;                                             ///< `enter` and `leave`
  std::deque<std::pair<std::uint64_t, std::function<void()>>> waiting_;
  std::unique_ptr<load_timer> load_again_; ///< after a snapshot could not be had
  bool loading_ = false;
  bool load_again_wanted_ = false; ///< asked for while one was under way
  bool ended_ = false;
};

} // namespace plexus::presence

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::presence::enter)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::presence::leave)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::presence::update)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::presence::query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::presence::set_grace)
