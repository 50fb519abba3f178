#pragma once
// What is kept of the channel actors of one process. Pure: time is an argument. Leases are `memory_leases`'
// business.

#include "backplane/backplane.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace plexus::backplane {

class memory_actors {
public:
  struct record {
    std::uint64_t sequence = 0;
    std::string snapshot;
    std::vector<std::string> log;
    bool owned = false;   ///< claimed and not given back
    milliseconds life{0}; ///< 0: for ever
    milliseconds lives_until{0};
    milliseconds wanted_at{0}; ///< given back, but somebody should have it from then on
  };

  /// Marks the channel as owned; what is kept of it.
  const record& claim(const std::string& channel, milliseconds now);
  /// Whether a write of this sequence may be made.
  [[nodiscard]] bool fits(const std::string& channel, const actor_write& what) const;
  void write(const std::string& channel, const actor_write& what, milliseconds now);
  /// Whose owner, if it isn't there any more, was to be followed by another one.
  [[nodiscard]] std::vector<std::string> owned(milliseconds now) const;
  /// Drops what has lived out, but for what is owned.
  void expire(milliseconds now);
  [[nodiscard]] std::size_t size() const noexcept { return kept_.size(); }

private:
  std::unordered_map<std::string, record> kept_;
};

} // namespace plexus::backplane
