#pragma once
// The back end's HTTP API: `POST /api/METHOD`, `/api/batch` and the older `/api` with the method in the body. This
// part checks the key, reads the request, shares the commands out and writes the answer.

#include "transport/api/channel_commands.hpp"
#include "transport/api/cluster_queries.hpp"
#include "transport/api/token_commands.hpp"
#include "transport/api/user_commands.hpp"
#include "transport/http/message.hpp"

#include <functional>
#include <memory>
#include <string>

namespace plexus::transport::api {

/// The settings of now, for each request anew since they may be read again. Any loop calls it.
using settings_source = std::function<std::shared_ptr<const config::settings>()>;

/// One a node, made before the loops start; any loop may call. What it refers to outlives it; the loops have
/// stopped before it ends. Limits of the body's size are kept by the HTTP side.
class api_handler final : public http::handler {
public:
  api_handler(runtime::runtime& loops, channel::channel_router& channels, connection::directory& clients,
              backplane::backplane& plane, cluster::cluster& nodes, settings_source settings, node_identity node);

  /// `api.max_body` for who has the key.
  [[nodiscard]] std::uint64_t max_body(const http::request& head) const override;
  [[nodiscard]] http::response too_large(const http::request& head) const override;
  void handle(const http::request& what, http::respond done) override;

private:
  void run(const caller& from, protocol::api_command what, answered done);
  void run_batch(const caller& from, protocol::batch_request what, http::respond done);

  runtime::runtime& loops_;
  settings_source settings_;
  channel_commands channel_;
  user_commands user_;
  token_commands token_;
  cluster_queries cluster_;
  std::shared_ptr<const void> open_ = std::make_shared<char>();
};

} // namespace plexus::transport::api
