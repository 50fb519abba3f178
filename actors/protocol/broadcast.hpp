#pragma once
// A push that goes to all subscribers of a channel: encoded at most once for each format and form of its data, by
// the first loop that needs it, and shared by all. A delta is made once for all of them.

#include "actors/protocol/codec.hpp"
#include "actors/protocol/reply.hpp"

#include <array>
#include <atomic>
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

  /// A publication that is asked for in the forms of deltas too. `before`: what every subscriber that gets deltas
  /// has got last; null: there was none.
  broadcast(std::shared_ptr<const std::string> channel, publication_push what, publication_ptr before,
            clock::time_point accepted) :
      broadcast(std::move(channel), std::move(what), accepted) {
    deltas_ = std::make_unique<delta_part>();
    deltas_->before = std::move(before);
  }

  [[nodiscard]] const std::string& channel() const noexcept { return *channel_; }
  [[nodiscard]] clock::time_point accepted() const noexcept { return accepted_; }
  /// Joins and leaves go only to subscribers that get them.
  [[nodiscard]] bool for_join_leave_only() const noexcept {
    return std::holds_alternative<join_push>(what_) || std::holds_alternative<leave_push>(what_);
  }
  [[nodiscard]] bool is_publication() const noexcept { return std::holds_alternative<publication_push>(what_); }
  /// Of a publication that is logged; else 0.
  [[nodiscard]] std::uint64_t offset() const noexcept {
    const auto* made = std::get_if<publication_push>(&what_);
    return made ? made->what->offset : 0;
  }
  /// The whole push in a format, without the transport's framing. Forms other than `plain` differ for publications
  /// that were made for them; `data_form::delta` is the whole data where a delta would not be shorter.
  [[nodiscard]] const std::string& bytes(format f, data_form how = data_form::plain) const;
  /// The same packed by `pack`, made once as well: compressed, for those transports that agreed to it. All callers
  /// pack alike.
  [[nodiscard]] const std::string& packed(format f, std::string (*pack)(std::string_view),
                                          data_form how = data_form::plain) const;

private:
  struct form {
    std::atomic<bool> encoded{false}, is_packed{false};
    std::string bytes, packed;
  };
  /// Not `std::call_once`, which makes a system call each time, whether anybody waits or not: one a publication.
  template <class Work>
  void once(std::atomic<bool>& made, Work&& work) const {
    if (made.load(std::memory_order_acquire)) return;
    const std::lock_guard guard(making_);
    if (made.load(std::memory_order_relaxed)) return;
    work();
    made.store(true, std::memory_order_release);
  }
  /// Encoded.
  form& made(format f, data_form how) const;
  /// Only in channels with such subscribers.
  struct delta_part {
    publication_ptr before;
    std::atomic<bool> compared{false};
    std::string delta;
    std::array<form, format_count> whole, changed;
  };
  std::shared_ptr<const std::string> channel_;
  push what_;
  clock::time_point accepted_;
  mutable std::mutex making_; ///< of whatever is made by need
  mutable std::array<form, format_count> forms_;
  std::unique_ptr<delta_part> deltas_;
};

using broadcast_ptr = std::shared_ptr<const broadcast>;

} // namespace plexus::protocol
