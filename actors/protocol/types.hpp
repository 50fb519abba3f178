#pragma once
// The nouns of the engine. Fields called JSON text hold one valid JSON value without line breaks, exactly as its
// author wrote it otherwise: payloads pass through untouched, since re-writing a number could change it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace plexus::protocol {

/// A place in a channel's log. Offsets start at 1 and have no holes; a new epoch means that the past can't be
/// trusted. An untouched channel is at offset 0 and has its epoch already.
struct position {
  std::string epoch;
  std::uint64_t offset = 0;
  friend bool operator==(const position&, const position&) = default;
};

/// Who a client is, as other clients see it.
struct client_info {
  std::string user;
  std::string client;       ///< the connection's id, a UUID
  std::string conn_info;    ///< JSON text or empty
  std::string channel_info; ///< JSON text or empty; wire name `chan_info`
  friend bool operator==(const client_info&, const client_info&) = default;
};

using tag_list = std::vector<std::pair<std::string, std::string>>;

/// One entry of a channel's log, or a passing message where the channel keeps none (offset 0). Immutable once made
/// and shared between loops.
struct publication {
  std::uint64_t offset = 0;
  std::string epoch;                       ///< written to the wire with offset 1 only
  std::string data;                        ///< a JSON value, perhaps with line breaks, unless `binary`
  bool binary = false;                     ///< `data` is no JSON: JSON readers get it in base64
  std::shared_ptr<const client_info> info; ///< of the publishing client; null for the API's publications
  tag_list tags;
  std::chrono::milliseconds time{0}; ///< since the Unix epoch
};

using publication_ptr = std::shared_ptr<const publication>;

} // namespace plexus::protocol
