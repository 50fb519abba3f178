#pragma once
// Where Redis is, as `backplane.url` says it. Pure.
//
//   redis://[user:password@]host:port/db          rediss://... with TLS
//   redis+sentinel://[user:password@]host:port,host:port/service/db?sentinel_user=...&sentinel_password=...
//   redis+cluster://[user:password@]host:port,host:port

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plexus::backplane::redis {

struct endpoint {
  std::string host;
  std::uint16_t port = 6379;
  friend bool operator==(const endpoint&, const endpoint&) = default;
};
[[nodiscard]] std::string to_string(const endpoint& e);

struct credentials {
  std::string user, password; ///< both may be empty
  friend bool operator==(const credentials&, const credentials&) = default;
};

struct address {
  bool tls = false;
  bool cluster = false;        ///< a Redis Cluster
  std::vector<endpoint> hosts; ///< one, or the Sentinels, or some servers of the Cluster
  std::string service;         ///< what the Sentinels call the primary; empty: `hosts` has Redis itself
  credentials login, sentinel_login;
  unsigned db = 0;
  friend bool operator==(const address&, const address&) = default;
};

/// Partitions where none are configured. One on a single server, so that a round trip carries as much as it can; on
/// a Cluster enough to spread over any number of primaries that is likely.
[[nodiscard]] unsigned usual_partitions(const address& where);

/// The address, or a sentence that says what is wrong with it (without the password).
std::variant<address, std::string> parse_address(std::string_view url);

} // namespace plexus::backplane::redis
