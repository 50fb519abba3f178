#pragma once
// Finding the primary: a fixed address, what the Sentinels say, or a Cluster's table of slots. On the loop's
// thread.

#include "backplane/redis/link_pool.hpp"
#include "backplane/redis/partition.hpp"

#include <memory>
#include <vector>

namespace plexus::backplane::redis {

/// One that all partitions share. `usual`: TLS and name for the Sentinels' connections, which have credentials of
/// their own.
std::shared_ptr<locator> make_locator(runtime::loop& home, const address& where, const link::target& usual);

/// One for each partition, whose slots these are; they share what they learn. The connections are the partitions'.
std::vector<std::shared_ptr<locator>> make_cluster_locators(runtime::loop& home, const address& where,
                                                            const std::shared_ptr<link_pool>& links,
                                                            const std::vector<std::uint16_t>& slots);

} // namespace plexus::backplane::redis
