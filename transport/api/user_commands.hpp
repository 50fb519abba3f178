#pragma once
// The API's commands for a user's connections: told to the connections meant, on every loop. Their answer comes
// when the last was told and is a success also where nobody was meant.

#include "actors/connection/directory.hpp"
#include "transport/api/pending.hpp"

#include <functional>

namespace plexus::transport::api {

/// Immutable; any loop may call.
class user_commands {
public:
  user_commands(runtime::runtime& loops, connection::directory& clients) : loops_(loops), clients_(clients) {}

  void run(const caller& from, protocol::subscribe_request what, pending_ptr to);
  void run(const caller& from, protocol::unsubscribe_request what, pending_ptr to);
  void run(const caller& from, protocol::disconnect_request what, pending_ptr to);
  void run(const caller& from, protocol::refresh_request what, pending_ptr to);

private:
  /// `act` runs on each client's loop, on several at a time.
  void each(protocol::api_target who, std::function<void(const connection::client&)> act, pending_ptr to);

  runtime::runtime& loops_;
  connection::directory& clients_;
};

} // namespace plexus::transport::api
