#pragma once
// Commands that all nodes have a part in: each is asked, the answers are put together on the loop that asked. Who
// says nothing in time is named beside the result.

#include "actors/cluster/cluster.hpp"
#include "transport/api/pending.hpp"

#include <functional>
#include <string>
#include <vector>

namespace plexus::transport::api {

/// How long other nodes are waited for.
inline constexpr cluster::milliseconds node_answer_time{2000};

/// What the bodies of the nodes' answers make together.
using put_together = std::function<protocol::api_result(std::vector<cluster::reply>)>;
/// `{}` whatever they are.
protocol::api_result nothing_to_say(const std::vector<cluster::reply>& from);

/// Any loop. Keeps the promise once all have answered, at the latest after `node_answer_time`.
void ask_every_node(cluster::cluster& nodes, std::string subject, std::string body, put_together make,
                    pending_ptr to);

} // namespace plexus::transport::api
