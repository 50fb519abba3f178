#pragma once
// The order of one channel on one node. What the node's own calls did comes with their answers, what others did
// comes through the inbox; the two race. Each thing handed on has the channel's next sequence number, so the
// sequencer emits them by it: what was emitted already falls away, what is ahead waits.
//
// Everything carries the channel's whole epoch, compared before the number: an entry of another log never fits.
//
// Pure, time comes as an argument. Owner: the partition, one for each channel that the node occupies.

#include "backplane/backplane.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plexus::backplane::redis {

template <class Item>
class sequencer {
public:
  /// Entries that are kept before the first registration is answered, and ahead of a hole. Beyond it they are
  /// dropped, and the channel is registered again.
  static constexpr std::size_t most_waiting = 10'000;

  enum class taken : std::uint8_t {
    yes,   ///< emitted, kept or known already
    doubt, ///< of another epoch, or too many wait: register the channel again
  };

  /// From the inbox.
  taken entry(std::string_view epoch, std::uint64_t sequence, Item what, milliseconds now, std::vector<Item>& out) {
    if (!known_) {
      if (held_.size() >= most_waiting) return taken::doubt;
      held_.push_back({std::string(epoch), sequence, std::move(what)});
      return taken::yes;
    }
    if (epoch != epoch_) return taken::doubt;
    if (sequence <= sequence_) return taken::yes;
    if (sequence > sequence_ + 1) {
      if (ahead_.size() >= most_waiting) return taken::doubt;
      ahead_.emplace(sequence, std::move(what));
      note_wait(now);
      return taken::yes;
    }
    ++sequence_;
    out.push_back(std::move(what));
    drain(now, out);
    return taken::yes;
  }

  /// An answer to a call of this node; `out` gets it in its place. `step`: the call itself took the number
  /// `sequence`; otherwise it has seen everything up to it. An answer is never dropped.
  taken answer(std::string_view epoch, std::uint64_t sequence, bool step, Item what, milliseconds now,
               std::vector<Item>& out) {
    if (!known_) {
      out.push_back(std::move(what));
      return taken::yes;
    }
    if (epoch != epoch_) {
      release(out);
      out.push_back(std::move(what));
      return taken::doubt;
    }
    answers_.push_back({sequence, step, std::move(what)});
    drain(now, out);
    if (!answers_.empty()) note_wait(now);
    return taken::yes;
  }

  /// The registration's answer: all up to `sequence` of `epoch` is known or was told to be lost. Answers that
  /// waited come out; what is beyond goes on.
  taken adopt(std::string_view epoch, std::uint64_t sequence, milliseconds now, std::vector<Item>& out) {
    if (known_ && epoch != epoch_) {
      ahead_.clear();
      release(out);
    }
    if (!known_ || epoch != epoch_ || sequence > sequence_) sequence_ = sequence;
    epoch_ = epoch;
    known_ = true;
    ahead_.erase(ahead_.begin(), ahead_.upper_bound(sequence_));
    drain(now, out);
    auto result = taken::yes;
    for (auto& each : std::exchange(held_, {}))
      if (entry(each.epoch, each.sequence, std::move(each.what), now, out) == taken::doubt) result = taken::doubt;
    return result;
  }

  /// All answers that wait, in their order; the sequencer ends.
  void release(std::vector<Item>& out) {
    for (auto& each : answers_) out.push_back(std::move(each.what));
    answers_.clear();
  }

  /// Whether the first registration was answered.
  [[nodiscard]] bool known() const noexcept { return known_; }
  [[nodiscard]] const std::string& epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
  /// Something waits for what is before it.
  [[nodiscard]] bool waits() const noexcept { return !ahead_.empty() || !answers_.empty(); }
  /// Since when, while `waits`.
  [[nodiscard]] milliseconds waits_since() const noexcept { return waits_since_; }

private:
  struct early {
    std::string epoch;
    std::uint64_t sequence;
    Item what;
  };
  struct own {
    std::uint64_t sequence;
    bool step;
    Item what;
  };

  void note_wait(milliseconds now) {
    if (!waiting_) waits_since_ = now;
    waiting_ = true;
  }

  void drain(milliseconds now, std::vector<Item>& out) {
    const auto before = sequence_;
    for (;;) {
      if (const auto next = ahead_.begin(); next != ahead_.end() && next->first == sequence_ + 1) {
        ++sequence_;
        out.push_back(std::move(next->second));
        ahead_.erase(next);
        continue;
      }
      if (answers_.empty()) break;
      auto& first = answers_.front();
      if (first.step && first.sequence == sequence_ + 1) ++sequence_;
      if (first.sequence > sequence_) break;
      out.push_back(std::move(first.what));
      answers_.pop_front();
    }
    waiting_ = waits();
    if (waiting_ && sequence_ != before) waits_since_ = now; // it moves: another hole
  }

  std::string epoch_;
  std::uint64_t sequence_ = 0;
  bool known_ = false, waiting_ = false;
  milliseconds waits_since_{0};
  std::map<std::uint64_t, Item> ahead_;
  std::deque<own> answers_;
  std::vector<early> held_;
};

} // namespace plexus::backplane::redis
