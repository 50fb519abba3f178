#pragma once
// What a running node may take over from a configuration that was read again.

#include "config/settings.hpp"

#include <string>
#include <vector>

namespace plexus::config {

/// Keys are named by their paths, a namespace that came or went by `channels.namespaces.NAME`.
struct reload_plan {
  settings merged;                  ///< what holds from now on: `running` with everything that can change live
  std::vector<std::string> applied; ///< changed and taken over into `merged`
  std::vector<std::string> restart; ///< changed, but only a restart brings it
};

/// `fresh` must be checked already. Pure; any thread. Live are `client`, `channels`, `api`, `log`,
/// `demo`, `admin`, and `listen` without address and port.
reload_plan plan_reload(const settings& running, const settings& fresh);

} // namespace plexus::config
