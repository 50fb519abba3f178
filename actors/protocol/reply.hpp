#pragma once
// What a client is told: replies to its commands and pushes of the server. A codec turns them into bytes.

#include "actors/protocol/errors.hpp"
#include "actors/protocol/types.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace plexus::protocol {

struct error_reply {
  error_code code = error_code::internal;
  /// Of a plugin: goes with the code as it is, which may then be none of the table's.
  std::string message{};
};

/// How a publication's data travels. Once deltas were agreed on, formats that embed data as JSON carry it as a
/// string, so that a delta can stand in its place.
enum class data_form : std::uint8_t {
  plain, ///< no deltas were agreed on
  whole, ///< agreed on, but this one is whole
  delta, ///< what changed since the publication before
};

/// Zero-valued fields are left out on the wire.
struct subscribe_reply {
  bool expires = false;
  std::uint32_t ttl = 0; ///< seconds
  bool recoverable = false;
  bool positioned = false;
  position at; ///< a successful recovery: the offset that the client sent; else the top of the log
  bool recovered = false;
  bool was_recovering = false;
  std::vector<publication_ptr> publications;
  std::string data;   ///< JSON text or empty
  bool delta = false; ///< deltas are agreed on; `publications` are then in `data_form::whole`
};

struct connect_reply {
  std::string client;
  std::string version;
  std::string data; ///< JSON text or empty
  bool expires = false;
  std::uint32_t ttl = 0;  ///< seconds
  std::uint32_t ping = 0; ///< seconds between pings; 0: none
  bool pong = false;      ///< the client is to answer pings
  std::string session;    ///< only for transports that need it
  std::string node;       ///< only for transports that need it
  std::vector<std::pair<std::string, subscribe_reply>> subs;
};

struct unsubscribe_reply {};
struct publish_reply {};

/// All fields are written, also when they are empty: clients read them without a default.
struct presence_reply {
  std::vector<client_info> members;
};

struct presence_stats_reply {
  std::uint64_t clients = 0;
  std::uint64_t users = 0;
};

struct history_reply {
  std::vector<publication_ptr> publications;
  position at; ///< always the top of the log
};

struct rpc_reply {
  std::string data; ///< JSON text or empty
};

struct refresh_reply {
  std::string client;
  std::string version;
  bool expires = false;
  std::uint32_t ttl = 0;
};

struct sub_refresh_reply {
  bool expires = false;
  std::uint32_t ttl = 0;
};

using reply =
    std::variant<error_reply, connect_reply, subscribe_reply, unsubscribe_reply, publish_reply, presence_reply,
                 presence_stats_reply, history_reply, rpc_reply, refresh_reply, sub_refresh_reply>;

struct publication_push {
  publication_ptr what;
  data_form form = data_form::plain;
  std::string_view delta = {}; ///< with `data_form::delta`: stands in the place of the data
};
struct join_push {
  client_info info;
};
struct leave_push {
  client_info info;
};
/// A server-side subscription that began after the connect reply.
struct subscribe_push {
  subscribe_reply result;
};
struct unsubscribe_push {
  unsubscribe_code code = unsubscribe_code::server;
};
/// An asynchronous message to one client; belongs to no channel.
struct message_push {
  std::string data;
};
struct refresh_push {
  bool expires = false;
  std::uint32_t ttl = 0;
};
/// Only on transports without close codes.
struct disconnect_push {
  std::uint16_t code = 0;
  std::string reason;
};

using push = std::variant<publication_push, join_push, leave_push, subscribe_push, unsubscribe_push, message_push,
                          refresh_push, disconnect_push>;

} // namespace plexus::protocol
