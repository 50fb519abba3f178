#pragma once
// Addresses as they stand in front of a port. Pure.

#include <string>

namespace plexus::node {

/// IPv6 in brackets; names and IPv4 as they are.
inline std::string before_port(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

} // namespace plexus::node
