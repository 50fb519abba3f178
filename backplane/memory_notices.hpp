#pragma once
// The notices of one process. Pure: time is an argument.

#include "backplane/backplane.hpp"

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace plexus::backplane {

class memory_notices {
public:
  /// The notice as it stands now; `until` 0: it is over already. Nothing: there are `max_notices` others.
  std::optional<notice> put(const notice& what, milliseconds now);
  /// False: there was none.
  bool drop(const std::string& key);
  [[nodiscard]] std::vector<notice> all(milliseconds now) const;
  /// Drops what is over, at most `budget` of them.
  void expire(milliseconds now, std::size_t budget);
  [[nodiscard]] std::size_t size() const noexcept { return held_.size(); }

private:
  std::unordered_map<std::string, notice> held_;
  std::set<std::pair<milliseconds, std::string>> due_; ///< each of `held_`, by its end
};

} // namespace plexus::backplane
