#pragma once
// What Redis may still believe of this node although it changed: ends of occupancy, and changes of members, whose
// steps could not be sent in their time or found no room. Facts instead of steps: one for each channel and member,
// however often it changed, and none for what came and went without Redis hearing of it. So they are bounded by
// what Redis knows and what the node has now. They are settled when Redis is back, behind all that waits. Pure.
// Owner: the partition.

#include "backplane/backplane.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace plexus::backplane::redis {

class unsettled {
public:
  using member = std::pair<std::string, std::string>; ///< channel, client

  /// The node occupies `channel` no more.
  void vacated(std::string channel, const retention& keep) { channels_.insert_or_assign(std::move(channel), keep); }
  /// `known`: Redis may have an older state of this member.
  void entered(std::string channel, std::string client, bool known) {
    const auto [at, fresh] = members_.try_emplace({std::move(channel), std::move(client)}, known);
    if (!fresh) at->second = at->second || known;
  }
  void left(std::string channel, std::string client) {
    const auto [at, fresh] = members_.try_emplace({std::move(channel), std::move(client)}, true);
    if (!fresh && !at->second) members_.erase(at);
  }

  /// The next channel or member to be settled by what is true then; nothing when all are.
  std::optional<std::pair<std::string, retention>> take_channel() {
    if (channels_.empty()) return std::nullopt;
    auto first = channels_.extract(channels_.begin());
    return std::pair(std::move(first.key()), first.mapped());
  }
  std::optional<member> take_member() {
    if (members_.empty()) return std::nullopt;
    return std::move(members_.extract(members_.begin()).key());
  }
  [[nodiscard]] std::size_t size() const noexcept { return channels_.size() + members_.size(); }

private:
  std::map<std::string, retention> channels_;
  std::map<member, bool> members_;
};

} // namespace plexus::backplane::redis
