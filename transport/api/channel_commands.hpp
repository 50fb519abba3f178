#pragma once
// The API's commands that one channel answers: they are checked here and carried out by the channel's actor,
// wherever it lives.

#include "actors/channel/router.hpp"
#include "transport/api/pending.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace plexus::transport::api {

/// 107 for a name that is empty, too long or has control characters, 102 for an unknown namespace. None: good.
std::optional<protocol::error_code> check_channel(const config::settings& settings, std::string_view channel);

/// Immutable; any loop may call. Each call keeps its promise `to` later, from the channel's loop.
class channel_commands {
public:
  explicit channel_commands(channel::channel_router& channels) : channels_(channels) {}

  void run(const caller& from, protocol::publish_request what, pending_ptr to);
  void run(const caller& from, protocol::broadcast_request what, pending_ptr to);
  void run(const caller& from, protocol::presence_request what, pending_ptr to);
  void run(const caller& from, protocol::presence_stats_request what, pending_ptr to);
  void run(const caller& from, protocol::history_request what, pending_ptr to);
  void run(const caller& from, protocol::history_remove_request what, pending_ptr to);

private:
  void publish(const caller& from, const std::string& channel, protocol::api_publication what, pending_ptr to);
  void read_presence(const caller& from, const std::string& channel, const pending_ptr& to,
                     protocol::api_result (*result)(const presence::member_set&));

  channel::channel_router& channels_;
};

} // namespace plexus::transport::api
