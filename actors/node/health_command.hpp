#pragma once
// `plexus health`: asks the node of this configuration how it is, for health checks of containers, where there is
// neither a shell nor curl.

#include "config/settings.hpp"

#include <chrono>
#include <string>

namespace plexus::node {

/// True when it answers 200; otherwise `said` has what it answered, or why there is no answer. Blocks at most for
/// `timeout`.
struct health_answer {
  bool good = false;
  std::string said;
};
health_answer ask_health(const config::settings& of, bool ready, std::chrono::milliseconds timeout);

} // namespace plexus::node
