#pragma once
// Who did what, and why: each action is a line in the log, and the last ones are kept to be looked at.

#include "actors/admin/fwd.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace plexus::admin {

/// Of this node: what was done by those who are connected to it. Any thread.
class audit {
public:
  static constexpr std::size_t kept = 500;
  static constexpr std::size_t max_with = 1024; ///< bytes of the parameters that are kept

  /// `by`: who, with the address. `with`: the parameters, without payloads; longer ones are cut.
  void write(const std::string& by, const std::string& action, const json& with, const std::string& reason,
             const std::string& outcome);
  /// Somebody tried what isn't allowed or isn't asked rightly. At most one a second is written, and how many
  /// weren't with the next one: trying must not push out what was done.
  void refused(const std::string& by, const std::string& action, const json& with, const std::string& why);
  /// The newest first.
  [[nodiscard]] json read(std::size_t most) const;

private:
  mutable std::mutex mutex_;
  std::chrono::steady_clock::time_point refused_at_{}; ///< guarded, as are the others
  std::uint64_t left_out_ = 0;
  std::deque<std::shared_ptr<const json>> entries_;
};

} // namespace plexus::admin
