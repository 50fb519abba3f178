#pragma once
// What waits for a partition, and what is on its way: group commit. One batch is outstanding; whatever comes
// meanwhile makes the next one, so a batch grows with the load and nothing waits without reason. Two outstanding
// ones could change places (a script that isn't loaded yet refuses the first and runs the second).
//
// A batch whose answer was lost stays outstanding, with its number, until a later connection repeats it. Steps that
// are given up are answered by their owner; one that was sent stays in its batch, since it may have happened.
//
// The node's own repairs go ahead of what waits, so they don't wait here: what a repair says must be so when its
// batch is made, or it would undo what was asked for since.
//
// Pure. Owner: the partition.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace plexus::backplane::redis {

template <class Step>
class batcher {
public:
  struct limits {
    std::size_t max_pending = 100'000; ///< steps that wait; `backplane.max_pending`
    std::size_t max_pending_bytes = 64 << 20;
    std::size_t batch_steps = 512;
    std::size_t batch_bytes = 1 << 20;
  };
  explicit batcher(limits most) : most_(most) {}

  /// False at `max_pending` or `max_pending_bytes`: the step was not taken.
  bool push(Step& what) {
    if (!has_room()) return false;
    push_own(std::move(what));
    return true;
  }
  /// Behind what waits, beyond every bound: what the node itself has to know, and the rest of what was taken
  /// before.
  void push_own(Step what) {
    waiting_bytes_ += what.bytes();
    waiting_.push_back(std::move(what));
  }
  /// Steps of a batch that has to be done again: ahead of all that came after it, in their order.
  void put_back(std::vector<Step>& steps) {
    for (const auto& each : steps) waiting_bytes_ += each.bytes();
    waiting_.insert(waiting_.begin(), std::make_move_iterator(steps.begin()), std::make_move_iterator(steps.end()));
  }

  /// The next batch, null while one is outstanding or there is nothing to do. `repair()` gives the node's next own
  /// repair, or nothing; they take at most half of a batch.
  template <class Repair>
  std::vector<Step>* next(const Repair& repair) {
    if (!outstanding_.empty()) return nullptr;
    std::size_t bytes = 0;
    while (outstanding_.size() < most_.batch_steps / 2 && bytes < most_.batch_bytes) {
      std::optional<Step> one = repair();
      if (!one) break;
      bytes += one->bytes();
      outstanding_.push_back(std::move(*one));
    }
    while (!waiting_.empty() && outstanding_.size() < most_.batch_steps &&
           (bytes < most_.batch_bytes || outstanding_.empty())) {
      const auto size = waiting_.front().bytes();
      bytes += size;
      waiting_bytes_ -= size;
      outstanding_.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    if (outstanding_.empty()) return nullptr;
    ++number_;
    return &outstanding_;
  }
  /// The batch that is on its way, to be repeated under its number; empty when there is none.
  [[nodiscard]] std::vector<Step>& outstanding() noexcept { return outstanding_; }
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  /// The outstanding batch was answered: its steps.
  std::vector<Step> finish() { return std::exchange(outstanding_, {}); }

  /// Hands every step whose time is over to `give_up`, with whether it was sent. One that was not is dropped then.
  template <class Time, class GiveUp>
  void expire(Time now, const GiveUp& give_up) {
    for (auto& each : outstanding_)
      if (each.over(now)) give_up(each, true);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i].over(now)) {
        waiting_bytes_ -= waiting_[i].bytes();
        give_up(waiting_[i], false);
        continue;
      }
      if (kept != i) waiting_[kept] = std::move(waiting_[i]);
      ++kept;
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(kept), waiting_.end());
  }

  [[nodiscard]] bool has_room() const noexcept {
    return waiting_.size() < most_.max_pending && waiting_bytes_ < most_.max_pending_bytes;
  }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

private:
  limits most_;
  std::deque<Step> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::vector<Step> outstanding_;
  std::uint64_t number_ = 0;
};

} // namespace plexus::backplane::redis
