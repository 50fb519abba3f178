#pragma once
// Who is present in one channel, and through which node: the set that all nodes of a process share. Pure. The epoch
// of changes and snapshots is the channel's and left to the caller.

#include "backplane/backplane.hpp"
#include "backplane/client_hash.hpp"

#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace plexus::backplane {

struct memory_node;

class memory_presence {
public:
  presence_change enter(client_info who, const memory_node* through);
  presence_change leave(const std::string& client);
  /// Everyone who is here through that node leaves.
  std::vector<presence_change> leave_all(const memory_node* through);
  [[nodiscard]] presence_snapshot snapshot() const;
  [[nodiscard]] bool empty() const noexcept { return members_.empty(); }

private:
  struct member {
    client_info info;
    const memory_node* through; ///< only compared
    friend std::string_view client_of(const member& who) noexcept { return who.info.client; }
  };

  std::unordered_set<member, client_hash, client_equal> members_;
  std::uint64_t version_ = 0; ///< outlives the members: a mirror on some node may know it
};

} // namespace plexus::backplane
