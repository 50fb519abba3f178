#pragma once
// Whose request it is when it came through proxies that say so in X-Forwarded-For.

#include "config/network.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace plexus::transport::front {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// Each proxy appends whom it heard from, so the list is read from its right end: the first address that isn't a
/// trusted proxy's is the client's; what stands left of it anybody may have written. `peer`: who is connected.
/// Where the list ends, or has something that is no address, the last proxy that could be believed stands for the
/// client. `headers` have names in lower case; several X-Forwarded-For are one list.
config::ip_address client_of(const header_list& headers, const config::ip_address& peer,
                             const std::vector<config::ip_network>& trusted);

} // namespace plexus::transport::front
