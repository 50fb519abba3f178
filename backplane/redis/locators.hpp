#pragma once
// Finding the primary: a fixed address, or what the Sentinels say. On the loop's thread.

#include "backplane/redis/partition.hpp"

#include <memory>

namespace plexus::backplane::redis {

/// `usual`: TLS and name for the Sentinels' connections, which have credentials of their own.
std::shared_ptr<locator> make_locator(runtime::loop& home, const address& where, const link::target& usual);

} // namespace plexus::backplane::redis
