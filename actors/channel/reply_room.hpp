#pragma once
// How much of logs and lists may be on its way to one client. What a client asks for is no sign of a slow reader,
// however long it takes to read it: such replies don't count for `client.max_queue_size`. Their own bound is here.

#include "actors/protocol/types.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace plexus::channel {

enum class large_reply : std::uint8_t { recovery, history, other };

/// Of one client; shared by those who answer it, on any thread.
class reply_room : public std::enable_shared_from_this<reply_room> {
public:
  /// What a reply holds of the room. Goes with its bytes, and is given back when they are written or dropped.
  using share = std::shared_ptr<const void>;

  /// Smaller replies are as all that waits for the client, and take nothing here.
  static constexpr std::size_t small = 16'384;

  /// `client.max_reply_size`; 0: no bound.
  void set_most(std::size_t bytes) noexcept { most_ = bytes > 0 ? bytes : SIZE_MAX; }
  /// False, and counted: so much doesn't fit. A small reply always fits, and `out` stays null.
  [[nodiscard]] bool claim(std::size_t bytes, large_reply what, share& out);
  /// Cuts a page of history to what fits, and claims that. False: not even its first publication does.
  [[nodiscard]] bool claim_page(std::vector<protocol::publication_ptr>& page, share& out);
  /// Whether so much fits when nothing else is on its way.
  [[nodiscard]] bool could_hold(std::size_t bytes) const noexcept { return bytes <= most_; }

private:
  bool take(std::size_t bytes, share& out);
  std::atomic<std::size_t> most_{SIZE_MAX}, used_{0};
};

/// Claims what a recovery sends: what was read of the log, and what came meanwhile. Without a room all fits.
[[nodiscard]] bool claim_recovery(reply_room* from, const std::vector<protocol::publication_ptr>& missed,
                                  const std::vector<protocol::publication_ptr>& meanwhile, reply_room::share& out);

/// What a publication takes in a reply, about.
std::size_t size_in_reply(const protocol::publication& p) noexcept;

} // namespace plexus::channel
