#pragma once
// Fetches a JSON Web Key Set over http or https, in a thread of its own.

#include "actors/connection/jwks_board.hpp"

#include <memory>
#include <string>

namespace plexus::connection {

/// Fetches at once, then every five minutes, and earlier (not before five seconds after the last time) when a token
/// names a key that isn't there. A failure keeps the keys there are, is logged and counted, and is tried again
/// after one second, then two, at most after 15. A set that lacks a key drops it.
///
/// One `jwks_url`; made and destroyed by the node. Destroying waits for the thread, which may take as long as
/// looking up a host's name does.
class jwks_fetcher {
public:
  static constexpr std::chrono::milliseconds time_limit{5000}; ///< of one fetch, from name look-up to last byte
  static constexpr std::size_t max_size = 262'144;             ///< of an answer; a larger one is a failure
  static constexpr std::chrono::seconds pause{5};              ///< between two fetches that tokens ask for
  static constexpr std::chrono::minutes every{5};
  static constexpr std::chrono::seconds first_retry{1}, longest_retry{15};

  explicit jwks_fetcher(std::string url);
  ~jwks_fetcher();
  jwks_fetcher(const jwks_fetcher&) = delete;
  jwks_fetcher& operator=(const jwks_fetcher&) = delete;

  [[nodiscard]] const std::string& url() const noexcept;
  [[nodiscard]] std::shared_ptr<jwks_board> board() const noexcept;
  /// Ends a fetch under way and the thread, without waiting for either.
  void stop();

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace plexus::connection
