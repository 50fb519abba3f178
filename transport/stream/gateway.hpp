#pragma once
// How a command reaches the session of a stream when the request that carries it came in anywhere: on another
// connection, another loop, another node. No sticky sessions: whoever gets the request hands it to the node that
// the client names.

#include "actors/protocol/emulation.hpp"

#include <functional>
#include <string>
#include <vector>

namespace plexus::transport {

class loop_transport;

/// One message of a client, sent beside its stream.
using emulated = protocol::emulation_request;

/// Where it went.
enum class emulated_to : std::uint8_t {
  session,      ///< handed to the client's connection, or the session is gone: its stream says so then
  unknown_node, ///< nobody of that name: the client has to connect again
  busy,         ///< more than `session::max_in_mailbox` messages of this client wait
  unreachable,  ///< the node is there, but can't be reached now
};

/// One a node; any loop may call.
class session_gateway {
public:
  using answered = std::function<void(emulated_to)>;

  virtual ~session_gateway() = default;
  /// Calls `done` once, at once or later, on the loop that called. Messages of one session that are handed in one
  /// after the other on one loop arrive in that order.
  virtual void forward(emulated what, answered done) = 0;
};

/// The sessions of this node: the end of the way. Those of all: `cluster_sessions`.
class local_sessions final : public session_gateway {
public:
  explicit local_sessions(std::string node) : node_(std::move(node)) {}
  /// Before the loops start; by loop.
  void connect(std::vector<loop_transport*> loops) { loops_ = std::move(loops); }

  /// `unknown_node` for every node but this one.
  void forward(emulated what, answered done) override;

private:
  std::string node_;
  std::vector<loop_transport*> loops_;
};

} // namespace plexus::transport
