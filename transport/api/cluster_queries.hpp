#pragma once
// The API's questions about the cluster: every node asks its loops, the answers are put together where the question
// came in.

#include "actors/channel/router.hpp"
#include "actors/connection/directory.hpp"
#include "transport/api/every_node.hpp"

#include <chrono>
#include <string>

namespace plexus::transport::api {

/// How the node is called in `info`.
struct node_identity {
  std::string uid; ///< new with each start
  std::string name;
  std::string version;
};

/// Made before the loops start, then immutable; any loop may call. The node's uptime counts from its making.
class cluster_queries {
public:
  cluster_queries(runtime::runtime& loops, channel::channel_router& channels, connection::directory& clients,
                  cluster::cluster& nodes, node_identity node);

  void run(const caller& from, protocol::channels_request what, pending_ptr to);
  void run(const caller& from, protocol::info_request what, pending_ptr to);

private:
  using said = std::function<void(std::string)>;
  /// This node's channels that match: a line each, "SUBSCRIBERS NAME".
  void list_channels(std::string pattern, said then);
  void describe(said then);

  runtime::runtime& loops_;
  channel::channel_router& channels_;
  connection::directory& clients_;
  cluster::cluster& nodes_;
  node_identity node_;
  std::chrono::steady_clock::time_point started_;
};

} // namespace plexus::transport::api
