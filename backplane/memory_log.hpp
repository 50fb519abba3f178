#pragma once
// One channel's log in this process: offsets, the publications still kept, duplicate keys, and how long its
// position lives. Pure: no clock, no lock, no I/O; `now` is milliseconds since the Unix epoch and needn't rise.
//
// The publications kept are always the last ones before `top`, without holes, so what a position has missed is
// known from two numbers.

#include "backplane/backplane.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace plexus::backplane {

class idempotency_keys;

/// Eight random letters.
std::string make_epoch();

class memory_log {
public:
  /// A log without an epoch; one is drawn when first needed, since many channels never need one.
  memory_log();
  explicit memory_log(std::string epoch);
  memory_log(const memory_log&) = delete;
  memory_log& operator=(const memory_log&) = delete;
  ~memory_log();

  appended append(draft what, const retention& keep, milliseconds now);
  /// As the backplane's.
  [[nodiscard]] std::optional<position> find_key(const std::string& key, milliseconds now);
  [[nodiscard]] recovery recover(const position& since, std::size_t max, milliseconds now);
  /// Error 112 when `since` names another epoch.
  [[nodiscard]] outcome<log_page> history(const log_query& what, milliseconds now);
  /// Empties the log; the position stays.
  void remove_history();

  [[nodiscard]] const std::string& epoch();
  [[nodiscard]] position top() { return {epoch(), top_}; }

  /// The position lives for `ttl` (the one given last) from now on, at least.
  void touch(milliseconds ttl, milliseconds now);
  void touch(milliseconds now) { touch(life_, now); }
  /// As `touch`, for those who only read: where the position isn't living anyway.
  void look(milliseconds ttl, milliseconds now) {
    if (now >= lives_until_) touch(ttl, now);
  }
  /// Nothing in here is worth keeping for a channel that nobody uses.
  [[nodiscard]] bool lived_out(milliseconds now) const;

  /// Frees what has expired, at most `most` keys at once; says how many things it freed.
  std::size_t expire(milliseconds now, std::size_t most);
  /// When `expire` has something to do next or, `unused`, when the log may have lived out.
  [[nodiscard]] std::optional<milliseconds> next_due(bool unused) const;

private:
  [[nodiscard]] std::size_t kept() const noexcept { return entries_.size() - first_; }
  [[nodiscard]] bool history_over(milliseconds now) const noexcept { return now >= expires_; }
  void trim(std::size_t size);
  std::size_t expire_history(milliseconds now);

  std::string epoch_;
  std::uint64_t top_ = 0;
  std::vector<publication_ptr> entries_; ///< from `first_` on: a deque would cost 600 bytes a channel, even empty
  std::size_t first_ = 0;
  milliseconds expires_{0}; ///< when the history goes
  milliseconds life_{0};    ///< how long the position lives after a touch
  milliseconds lives_until_{0};
  std::unique_ptr<idempotency_keys> keys_;
};

} // namespace plexus::backplane
