#pragma once
// What a client can ask for. The views point into the message that was decoded (or the decoder's scratch memory)
// and hold until the handler that got the command returns.

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

namespace plexus::protocol {

/// A position as a client sends it. An empty epoch matches any.
struct client_position {
  std::string_view epoch;
  std::uint64_t offset = 0;
};

struct connect_command {
  struct sub {
    std::string_view channel;
    bool recover = false;
    client_position since;
  };
  std::string_view token;
  std::string_view data; ///< JSON text or empty
  std::string_view name;
  std::string_view version;
  std::vector<sub> subs; ///< server-side subscriptions to recover
};

struct subscribe_command {
  std::string_view channel;
  std::string_view token;
  std::string_view data; ///< JSON text or empty
  bool recover = false;
  client_position since;
  bool positioned = false;
  bool recoverable = false;
  bool join_leave = false;
  std::string_view delta;  ///< "fossil" or empty
  std::uint64_t flags = 0; ///< bit 1 (value 2): answer 112 instead of `recovered: false`
};

struct unsubscribe_command {
  std::string_view channel;
};

struct publish_command {
  std::string_view channel;
  std::string_view data; ///< JSON text; empty where the field is missing; in Protobuf any bytes
  bool binary = false;   ///< `data` isn't JSON
};

struct presence_command {
  std::string_view channel;
};

struct presence_stats_command {
  std::string_view channel;
};

struct history_command {
  std::string_view channel;
  std::int32_t limit = 0; ///< 0: position only; -1: all, up to max_history_page
  std::optional<client_position> since;
  bool reverse = false;
};

struct rpc_command {
  std::string_view method;
  std::string_view data; ///< JSON text or empty; in Protobuf any bytes
  bool binary = false;   ///< `data` isn't JSON
};

struct refresh_command {
  std::string_view token;
};

struct sub_refresh_command {
  std::string_view channel;
  std::string_view token;
};

struct send_command {
  std::string_view data;
};

/// The empty command.
struct pong_command {};

struct command {
  std::string_view raw; ///< the bytes of this command alone: a message of its own, to be decoded again later
  std::uint32_t id = 0; ///< above 0 but for `send` and pong
  std::variant<pong_command, connect_command, subscribe_command, unsubscribe_command, publish_command,
               presence_command, presence_stats_command, history_command, rpc_command, refresh_command,
               sub_refresh_command, send_command>
      body;
};

} // namespace plexus::protocol
