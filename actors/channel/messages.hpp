#pragma once
// What a channel actor understands. Sent through `channel_router::tell` from any loop; every `done` is called once,
// on the channel's loop, unless the asker has left meanwhile.

#include "actors/channel/delivery.hpp"
#include "backplane/backplane.hpp"
#include "presence/member_set.hpp"

#include <caf/allowed_unsafe_message_type.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace plexus::channel {

using backplane::outcome;
using steady_clock = std::chrono::steady_clock;

/// How a subscription began.
struct subscribed {
  protocol::position at; ///< recovered: the position that the client sent; else the channel's top
  bool positioned = false;
  bool recoverable = false;
  bool was_recovering = false;
  bool recovered = false;
  subscriber_kind kind; ///< what is pushed to this subscriber
  std::string data;     ///< of the channel's actor: JSON text or empty
  std::vector<protocol::publication_ptr> publications;
  reply_room::share owed{}; ///< that the publications have claimed; goes with the reply
};

/// Subscribe a client. When `done` returns, whatever the channel emits next must reach the subscriber: `done` sends
/// the reply and the entry into the loop's fan-out table as one message, ahead of later publications.
struct subscribe {
  protocol::client_info who;
  unsigned loop = 0; ///< of the client's socket
  bool wants_position = false;
  bool wants_join_leave = false;
  bool wants_delta = false;
  bool wants_recovery = false;             ///< `recover` was sent
  bool refuse_unrecoverable = false;       ///< error 112 instead of `recovered: false`
  std::optional<protocol::position> since; ///< with wants_recovery
  std::size_t max_recovered = 0;
  std::shared_ptr<reply_room> room{}; ///< what is recovered must fit into it; null: no bound
  std::string data{};                 ///< of the client, for the channel's actor: JSON text or empty
  std::function<void(outcome<subscribed>)> done;
  /// Instead of `done`: the channel's actor says no. Null where there is none; then `done` gets what is next to it.
  std::function<void(std::uint16_t, const std::string&)> refused{};
};

/// A subscriber is gone. `clean` false: its connection broke. `counted` false: the channel dissolved and has
/// forgotten its subscribers already, only presence has not.
struct unsubscribe {
  std::string client;
  unsigned loop = 0;
  bool clean = true;
  bool counted = true;
  bool disconnected = false; ///< the connection ended, cleanly or not
};

/// Append and fan out. `done` comes after the publication was handed to the loops.
struct publish {
  backplane::draft what;
  steady_clock::time_point accepted; ///< when the command reached this node
  std::function<void(outcome<backplane::appended>)> done;
  std::function<void(std::uint16_t, const std::string&)> refused{}; ///< as in `subscribe`
};

struct read_history {
  backplane::log_query what;
  std::function<void(outcome<backplane::log_page>)> done;
};

struct remove_history {
  std::function<void(outcome<backplane::nothing>)> done;
};

/// `done` gets the members as of all changes before; see `presence::members_answer`.
struct read_presence {
  presence::members_answer done;
};

struct update_presence {
  std::string client;
  std::string channel_info;
  std::function<void(outcome<backplane::nothing>)> done;
};

/// The configuration was read again.
struct options_changed {};

} // namespace plexus::channel

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::subscribe)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::unsubscribe)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::publish)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::read_history)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::remove_history)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::read_presence)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::update_presence)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::options_changed)
