#pragma once
// Leases of one process. Pure: time is an argument.

#include "backplane/backplane.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace plexus::backplane {

class memory_leases {
public:
  lease acquire(const std::string& name, const std::string& holder, milliseconds ttl, milliseconds now);
  /// Renews what this holder has under this token; false: it hasn't.
  bool extend(const std::string& name, const std::string& holder, std::uint64_t token, milliseconds ttl,
              milliseconds now);
  [[nodiscard]] bool taken(const std::string& name, milliseconds now) const;
  void release(const std::string& name, const std::string& holder);
  /// Drops what has run out. Looks at all of them: their holders renew each every few seconds, which costs more.
  void expire(milliseconds now);
  [[nodiscard]] std::size_t size() const noexcept { return held_.size(); }

private:
  struct holding {
    std::string holder;
    std::uint64_t token;
    milliseconds until;
  };
  std::unordered_map<std::string, holding> held_;
  std::uint64_t last_token_ = 0; ///< one count for all names: a name can be forgotten and its tokens still rise
};

} // namespace plexus::backplane
