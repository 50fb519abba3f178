#pragma once
// The mirror of one channel's presence set that a node with subscribers of the channel keeps, so that reading
// presence asks nobody. It starts from a snapshot and goes on with versioned changes: the node's own (from the
// answers of `enter` and `leave`) and those of others (from the listener), in any order of arrival.
//
// How to use it: subscribe to the channel in the backplane, ask for `members`, hand the answer to `reset`. Hand
// every change to `apply`. On `gap` ask for a snapshot, unless one is on its way; after each `reset` ask
// `behind()`. Emit what `reset` returns as joins and leaves; the first one returns everybody, which is no news to
// those who came later.
//
// Pure, no lock. Owner: the channel's presence state, on the channel's loop; ends with the occupancy.

#include "backplane/backplane.hpp"
#include "backplane/client_hash.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace plexus::presence {

using backplane::presence_change;
using backplane::presence_snapshot;
using protocol::client_info;

class member_set {
public:
  using container = std::unordered_set<client_info, backplane::client_hash, backplane::client_equal>;

  enum class applied : std::uint8_t {
    yes,
    old, ///< known already: not newer than the mirror
    gap, ///< changes before it are missing: it was not applied, a snapshot is needed
  };

  /// Becomes what the snapshot says; the difference, leaves first. A snapshot of the same epoch that isn't newer is
  /// dropped: a change has overtaken it.
  std::vector<presence_change> reset(presence_snapshot to);
  applied apply(const presence_change& change);

  /// Whether there was a snapshot: before it the set is empty and every change is a `gap`.
  [[nodiscard]] bool known() const noexcept { return known_; }
  /// A change came while the last snapshot was on its way and isn't in it: another one is needed.
  [[nodiscard]] bool behind() const noexcept { return behind_; }

  [[nodiscard]] const container& members() const noexcept { return members_; }
  [[nodiscard]] const client_info* find(std::string_view client) const;
  [[nodiscard]] std::size_t clients() const noexcept { return members_.size(); }
  /// Distinct users; all without a name are one.
  [[nodiscard]] std::size_t users() const noexcept { return users_.size(); }

private:
  void put(const client_info& who);
  void drop(std::string_view client);
  void count(const std::string& user);
  void discount(const std::string& user);

  container members_;
  std::unordered_map<std::string, std::uint32_t> users_; ///< how many clients each has
  std::string epoch_;
  std::uint64_t version_ = 0;
  std::string missed_epoch_; ///< the change that came last of those that found a gap since the last snapshot
  std::uint64_t missed_ = 0; ///< its version; 0: none
  bool known_ = false;
  bool behind_ = false;
};

/// Never null: the members, to be read before the call returns; or error 100 while they could not be had yet.
using members_answer = std::function<void(backplane::outcome<const member_set*>)>;

} // namespace plexus::presence
