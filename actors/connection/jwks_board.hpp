#pragma once
// The keys of a JSON Web Key Set as last fetched, between those who verify tokens and the one who fetches. No
// network in here, so that tests need none.

#include "actors/connection/public_key.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plexus::connection {

/// Any thread. Verifying takes the lock for as long as it takes to copy a pointer.
class jwks_board {
public:
  using clock = std::chrono::steady_clock;
  using keys_ptr = std::shared_ptr<const std::vector<public_key>>;

  /// Ids of unknown keys that are remembered; at the bound all are forgotten, which only means that their tokens
  /// get "try again" once more.
  static constexpr std::size_t max_unknown = 1000;
  /// After that an id that turned out to be unknown is worth another fetch.
  static constexpr std::chrono::seconds unknown_for{30};

  /// Null: none fetched yet, and a fetch is asked for.
  [[nodiscard]] keys_ptr keys();

  /// Called for an id that isn't among the keys. True: it can't be said yet, since no fetch that began after the id
  /// was first asked for has succeeded; one is asked for. False: there is no such key.
  bool undecided(std::string_view id, clock::time_point now);

  // For the fetcher.

  /// A fetch begins; its number is for `succeeded`.
  std::uint64_t begin();
  void succeeded(std::uint64_t number, std::vector<public_key> keys);
  /// Returns at `late`, or from `early` on when a fetch is asked for, or when stopped (then false).
  bool wait(clock::time_point early, clock::time_point late);
  void stop();
  [[nodiscard]] bool stopped() const;

private:
  struct first_seen {
    std::uint64_t fetches; ///< that had begun by then
    clock::time_point at;
  };
  void want();

  mutable std::mutex lock_;
  std::condition_variable changed_;
  keys_ptr keys_;
  std::unordered_map<std::string, first_seen> unknown_;
  std::uint64_t begun_ = 0, succeeded_ = 0;
  bool wanted_ = false, stopped_ = false;
};

} // namespace plexus::connection
