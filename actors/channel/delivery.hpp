#pragma once
// What a loop's transport actor understands: declared here, where it is sent from, implemented in `transport`,
// which owns the sockets. All of it is handled in the order sent, which is what clients rely on: a subscribe reply
// before the channel's publications, a publication before its publisher's reply.

#include "actors/channel/reply_room.hpp"
#include "actors/protocol/broadcast.hpp"

#include <caf/allowed_unsafe_message_type.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace plexus::channel {

/// A client's session on its loop. Stale ids are harmless: they find nothing.
struct session_id {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const session_id&, const session_id&) = default;
};

/// What a subscriber gets of its channel. Settled when the subscription begins.
struct subscriber_kind {
  bool join_leave = false; ///< joins and leaves too
  bool delta = false;      ///< publications as deltas where they are shorter
  bool latest = false;     ///< while its socket takes no more, only the newest publication waits
  friend bool operator==(const subscriber_kind&, const subscriber_kind&) = default;
};

/// Append this push to every subscriber of its channel on this loop.
struct fan_out {
  protocol::broadcast_ptr what;
};

/// All subscribers of the channel on this loop have lost it: the channel's state is gone (unsubscribe code 2500).
struct dissolve {
  std::shared_ptr<const std::string> channel;
};

/// Bytes in the client's format for one session. `then` runs on the loop once they are queued.
struct deliver {
  session_id to;
  std::string bytes;
  std::function<void()> then;
  reply_room::share owed{}; ///< not null: a large reply, kept with the bytes while they wait
};

/// The reply (or push) that opens a subscription, and the entry into the fan-out table, in one step. `then` runs on
/// the loop afterwards: whoever hears of the subscription from it can rely on the table.
struct admit {
  session_id to;
  std::string channel;
  subscriber_kind kind;
  std::string bytes;
  std::function<void()> then;
  reply_room::share owed{}; ///< as in `deliver`
};

} // namespace plexus::channel

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::fan_out)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::dissolve)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::deliver)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(plexus::channel::admit)
