#pragma once
// The API's questions about the node as a whole: each loop is asked, the answers are put together at home.

#include "actors/channel/router.hpp"
#include "actors/connection/directory.hpp"
#include "transport/api/pending.hpp"

#include <chrono>
#include <string>

namespace plexus::transport::api {

/// How the node is called in `info`.
struct node_identity {
  std::string uid; ///< new with each start
  std::string name;
  std::string version;
};

/// Immutable; any loop may call. The node's uptime counts from its making.
class cluster_queries {
public:
  cluster_queries(runtime::runtime& loops, channel::channel_router& channels, connection::directory& clients,
                  node_identity node);

  void run(const caller& from, protocol::channels_request what, pending_ptr to);
  void run(const caller& from, protocol::info_request what, pending_ptr to);

private:
  runtime::runtime& loops_;
  channel::channel_router& channels_;
  connection::directory& clients_;
  node_identity node_;
  std::chrono::steady_clock::time_point started_;
};

} // namespace plexus::transport::api
