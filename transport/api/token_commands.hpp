#pragma once
// The API's commands that refuse users and tokens. What they say is kept in the backplane and holds on every node;
// the answer comes when every node holds to it, or names those that have not said so yet: they will once they are
// back.

#include "actors/connection/denials.hpp"
#include "actors/runtime/runtime.hpp"
#include "backplane/backplane.hpp"
#include "transport/api/every_node.hpp"

#include <string>

namespace plexus::transport::api {

/// Made before the loops start, then immutable; any loop may call.
class token_commands {
public:
  token_commands(runtime::runtime& loops, backplane::backplane& plane, cluster::cluster& nodes);

  void run(const caller& from, protocol::invalidate_user_tokens_request what, pending_ptr to);
  void run(const caller& from, protocol::revoke_token_request what, pending_ptr to);
  void run(const caller& from, protocol::block_user_request what, pending_ptr to);
  void run(const caller& from, protocol::unblock_user_request what, pending_ptr to);

private:
  /// `expire_at`: Unix seconds, 0 for never.
  void put(connection::denial_kind what, const std::string& name, std::int64_t value, std::int64_t expire_at,
           pending_ptr to);

  runtime::runtime& loops_;
  backplane::backplane& plane_;
  cluster::cluster& nodes_;
};

} // namespace plexus::transport::api
