#pragma once
// The API's commands for a user's connections: every node tells those of its own that are meant, on every loop. The
// answer comes when the last was told and is a success also where nobody was meant.

#include "actors/connection/directory.hpp"
#include "transport/api/every_node.hpp"

#include <functional>

namespace plexus::transport::api {

/// Made before the loops start, then immutable; any loop may call.
class user_commands {
public:
  user_commands(runtime::runtime& loops, connection::directory& clients, cluster::cluster& nodes);

  void run(const caller& from, protocol::subscribe_request what, pending_ptr to);
  void run(const caller& from, protocol::unsubscribe_request what, pending_ptr to);
  void run(const caller& from, protocol::disconnect_request what, pending_ptr to);
  void run(const caller& from, protocol::refresh_request what, pending_ptr to);

private:
  using told = std::function<void()>;

  template <class Request>
  void serve();
  template <class Request>
  void tell_all(const Request& what, pending_ptr to);
  // What each node does about a request; `then` when all of its clients that are meant were told.
  void here(protocol::subscribe_request what, told then);
  void here(protocol::unsubscribe_request what, told then);
  void here(protocol::disconnect_request what, told then);
  void here(const protocol::refresh_request& what, told then);
  /// `act` runs on each client's loop, on several at a time.
  void each(protocol::api_target who, std::function<void(const connection::client&)> act, told then);

  runtime::runtime& loops_;
  connection::directory& clients_;
  cluster::cluster& nodes_;
};

} // namespace plexus::transport::api
