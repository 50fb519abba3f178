#pragma once
// The sessions of all nodes: what a client sends beside its stream may come in at any of them.

#include "actors/cluster/cluster.hpp"
#include "transport/stream/gateway.hpp"

namespace plexus::transport {

/// How long the node that has the session is waited for; then `unreachable`. The message may have arrived.
inline constexpr cluster::milliseconds session_answer_time{2000};

/// One a node, made before the loops start; any loop may call. Messages under way to other nodes are bounded by
/// `cluster::max_questions` and `max_question_bytes`: beyond them `busy`.
class cluster_sessions final : public session_gateway {
public:
  cluster_sessions(cluster::cluster& nodes, local_sessions& here);
  void forward(emulated what, answered done) override;

private:
  cluster::cluster& nodes_;
  local_sessions& here_;
};

} // namespace plexus::transport
