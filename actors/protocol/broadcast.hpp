#pragma once
// A push that goes to all subscribers of a channel: encoded at most once for each format, by the first loop that
// needs it, and shared by all (design: encode once, share immutable bytes).

#include "actors/protocol/codec.hpp"
#include "actors/protocol/reply.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace plexus::protocol {

/// Immutable from outside; `bytes` may be called by several loops at once.
class broadcast {
public:
  using clock = std::chrono::steady_clock;

  /// `accepted`: when the publish command reached this node; what the latency histogram counts from.
  broadcast(std::shared_ptr<const std::string> channel, push what, clock::time_point accepted) :
      channel_(std::move(channel)), what_(std::move(what)), accepted_(accepted) {}

  [[nodiscard]] const std::string& channel() const noexcept { return *channel_; }
  [[nodiscard]] clock::time_point accepted() const noexcept { return accepted_; }
  /// Joins and leaves go only to subscribers that get them.
  [[nodiscard]] bool for_join_leave_only() const noexcept {
    return std::holds_alternative<join_push>(what_) || std::holds_alternative<leave_push>(what_);
  }
  /// The whole push in a format, without the transport's framing.
  [[nodiscard]] const std::string& bytes(format f) const;
  /// The same packed by `pack`, made once as well: compressed, for those transports that agreed to it. All callers
  /// pack alike.
  [[nodiscard]] const std::string& packed(format f, std::string (*pack)(std::string_view)) const;

private:
  struct form {
    std::once_flag once;
    std::string bytes;
  };
  std::shared_ptr<const std::string> channel_;
  push what_;
  clock::time_point accepted_;
  mutable std::array<form, format_count> forms_, packed_;
};

using broadcast_ptr = std::shared_ptr<const broadcast>;

} // namespace plexus::protocol
