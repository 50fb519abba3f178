#pragma once
// Publishes to `bench:room` what others read of its history later: many at once, and waits for the replies.

#include "load/swarm.hpp"

#include <cstddef>
#include <string_view>

namespace plexus::bench {

class feeder {
public:
  static constexpr std::string_view stamp_mark = R"("t":)"; ///< once in each publication's data

  /// Through a client that is ready. Throws when they aren't all accepted.
  void publish(swarm& all, client& through, std::size_t count, std::size_t data_size);
  /// What that client gets; like `phase::on_bytes`.
  std::size_t on_bytes(swarm& all, client& which, std::string_view bytes);
  /// How many of the publications are in a message.
  [[nodiscard]] static std::size_t count(std::string_view message) noexcept;

private:
  std::size_t replies_ = 0;
};

} // namespace plexus::bench
