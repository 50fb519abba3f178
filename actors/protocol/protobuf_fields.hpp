#pragma once
// The field numbers of `definitions/client.proto` in the public repository centrifugal/protocol, as far as Plexus
// reads or writes them. A namespace a message; a name is the field's own.

#include <cstdint>

namespace plexus::protocol::protobuf::field {

using number = std::uint32_t;

/// Both sides of a map's entry.
namespace map {
inline constexpr number key = 1, value = 2;
}

// ---- from clients

namespace command {
inline constexpr number id = 1, connect = 4, subscribe = 5, unsubscribe = 6, publish = 7, presence = 8,
                        presence_stats = 9, history = 10, send = 12, rpc = 13, refresh = 14, sub_refresh = 15;
}

namespace connect_request {
inline constexpr number token = 1, data = 2, subs = 3, name = 4, version = 5;
}

/// Also the value of `connect_request::subs`.
namespace subscribe_request {
inline constexpr number channel = 1, token = 2, recover = 3, epoch = 6, offset = 7, data = 8, positioned = 9,
                        recoverable = 10, join_leave = 11, delta = 12, flag = 14;
}

namespace publish_request {
inline constexpr number channel = 1, data = 2;
}

namespace history_request {
inline constexpr number channel = 1, limit = 7, since = 8, reverse = 9;
}

namespace stream_position {
inline constexpr number offset = 1, epoch = 2;
}

namespace rpc_request {
inline constexpr number data = 1, method = 2;
}

namespace send_request {
inline constexpr number data = 1;
}

namespace refresh_request {
inline constexpr number token = 1;
}

namespace sub_refresh_request {
inline constexpr number channel = 1, token = 2;
}

/// UnsubscribeRequest, PresenceRequest and PresenceStatsRequest: a channel and nothing else.
namespace channel_request {
inline constexpr number channel = 1;
}

/// EmulationRequest: what is posted beside a stream.
namespace emulation_request {
inline constexpr number node = 1, session = 2, data = 3;
}

// ---- to clients

namespace reply {
inline constexpr number id = 1, error = 2, push = 4, connect = 5, subscribe = 6, unsubscribe = 7, publish = 8,
                        presence = 9, presence_stats = 10, history = 11, rpc = 13, refresh = 14, sub_refresh = 15;
}

namespace error {
inline constexpr number code = 1, message = 2, temporary = 3;
}

namespace connect_result {
inline constexpr number client = 1, version = 2, expires = 3, ttl = 4, data = 5, subs = 6, ping = 7, pong = 8,
                        session = 9, node = 10;
}

namespace subscribe_result {
inline constexpr number expires = 1, ttl = 2, recoverable = 3, epoch = 6, publications = 7, recovered = 8,
                        offset = 9, positioned = 10, data = 11, was_recovering = 12, delta = 13;
}

namespace presence_result {
inline constexpr number presence = 1;
}

namespace presence_stats_result {
inline constexpr number num_clients = 1, num_users = 2;
}

namespace history_result {
inline constexpr number publications = 1, epoch = 2, offset = 3;
}

namespace rpc_result {
inline constexpr number data = 1;
}

namespace refresh_result {
inline constexpr number client = 1, version = 2, expires = 3, ttl = 4;
}

namespace sub_refresh_result {
inline constexpr number expires = 1, ttl = 2;
}

namespace push {
inline constexpr number channel = 2, pub = 4, join = 5, leave = 6, unsubscribe = 7, message = 8, subscribe = 9,
                        disconnect = 11, refresh = 12;
}

namespace publication {
inline constexpr number data = 4, info = 5, offset = 6, tags = 7, delta = 8, epoch = 14;
}

namespace client_info {
inline constexpr number user = 1, client = 2, conn_info = 3, chan_info = 4;
}

/// Join and Leave.
namespace membership {
inline constexpr number info = 1;
}

namespace subscribe {
inline constexpr number recoverable = 1, epoch = 4, offset = 5, positioned = 6, data = 7;
}

namespace unsubscribe {
inline constexpr number code = 2, reason = 3;
}

namespace message {
inline constexpr number data = 1;
}

namespace refresh {
inline constexpr number expires = 1, ttl = 2;
}

namespace disconnect {
inline constexpr number code = 1, reason = 2;
}

} // namespace plexus::protocol::protobuf::field
