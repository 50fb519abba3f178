#pragma once
// What waits for a partition, and what is on its way: group commit. One batch is outstanding; whatever comes
// meanwhile makes the next one, so a batch grows with the load and nothing waits without reason. Two outstanding
// ones could change places (a script that isn't loaded yet refuses the first and runs the second).
//
// A batch whose answer was lost stays outstanding, with its number, until a later connection repeats it. Steps that
// are given up are answered by their owner; one that was sent stays in its batch, since it may have happened.
//
// Pure. Owner: the partition.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

namespace plexus::backplane::redis {

template <class Step>
class batcher {
public:
  struct limits {
    std::size_t max_pending = 100'000; ///< steps that wait; `backplane.max_pending`
    std::size_t batch_steps = 512;
    std::size_t batch_bytes = 1 << 20;
  };
  explicit batcher(limits most) : most_(most) {}

  /// False at `max_pending`: the step was not taken.
  bool push(Step& what) {
    if (!has_room()) return false;
    waiting_.push_back(std::move(what));
    return true;
  }
  /// Behind what waits, beyond every bound: what the node itself has to know, and the rest of what was taken
  /// before.
  void push_own(Step what) { waiting_.push_back(std::move(what)); }
  /// Steps of a batch that has to be done again: ahead of all that came after it, in their order.
  void put_back(std::vector<Step>& steps) {
    waiting_.insert(waiting_.begin(), std::make_move_iterator(steps.begin()), std::make_move_iterator(steps.end()));
  }
  /// Ahead of what waits: the node's own repairs. They take at most half of a batch.
  void push_repair(Step what) { repairs_.push_back(std::move(what)); }

  /// The next batch, null while one is outstanding or nothing waits.
  std::vector<Step>* next() {
    if (!outstanding_.empty() || (waiting_.empty() && repairs_.empty())) return nullptr;
    ++number_;
    std::size_t bytes = 0;
    const auto take = [&](std::deque<Step>& from, std::size_t most) {
      while (!from.empty() && outstanding_.size() < most && (bytes < most_.batch_bytes || outstanding_.empty())) {
        bytes += from.front().bytes();
        outstanding_.push_back(std::move(from.front()));
        from.pop_front();
      }
    };
    take(repairs_, most_.batch_steps / 2);
    take(waiting_, most_.batch_steps);
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
        give_up(waiting_[i], false);
        continue;
      }
      if (kept != i) waiting_[kept] = std::move(waiting_[i]);
      ++kept;
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(kept), waiting_.end());
  }

  [[nodiscard]] bool has_room() const noexcept { return waiting_.size() < most_.max_pending; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
  [[nodiscard]] std::size_t repairs() const noexcept { return repairs_.size(); }

private:
  limits most_;
  std::deque<Step> waiting_, repairs_;
  std::vector<Step> outstanding_;
  std::uint64_t number_ = 0;
};

} // namespace plexus::backplane::redis
