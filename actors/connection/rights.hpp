#pragma once
// May this client do that? Pure. A token's right is always enough; else the namespace's option decides.

#include "actors/connection/token.hpp"
#include "config/settings.hpp"

#include <string_view>

namespace plexus::connection {

/// Who asks.
struct subject {
  bool insecure = false;       ///< the node runs without tokens: everything is allowed
  bool has_token = false;      ///< connected with a valid token
  const rights* can = nullptr; ///< of the connection's token
  bool subscribed = false;     ///< to the channel in question
};

enum class action : std::uint8_t { subscribe, publish, presence, history };

bool allowed(const subject& who, action what, std::string_view channel, const config::channel_options& options);

} // namespace plexus::connection
