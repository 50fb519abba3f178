#pragma once
// Who did what, and why: each action is a line in the log, and the last ones are kept to be looked at.

#include "actors/admin/fwd.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace plexus::admin {

/// Of this node: what was done by those who are connected to it. Any thread.
class audit {
public:
  static constexpr std::size_t kept = 500;

  /// `by`: who, with the address. `with`: the parameters, without payloads.
  void write(const std::string& by, const std::string& action, const json& with, const std::string& reason,
             const std::string& outcome);
  /// The newest first.
  [[nodiscard]] json read(std::size_t most) const;

private:
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const json>> entries_;
};

} // namespace plexus::admin
