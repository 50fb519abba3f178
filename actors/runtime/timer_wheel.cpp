#include "actors/runtime/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace plexus::runtime {

void timer::disarm() noexcept {
  if (!next_) return;
  next_->previous_ = previous_;
  previous_->next_ = next_;
  next_ = previous_ = nullptr;
  if (armed_count_) --*armed_count_;
  armed_count_ = nullptr;
}

timer_wheel::timer_wheel(clock::time_point start) : start_(start) {
  for (auto& slot : slots_) slot.next_ = slot.previous_ = &slot;
}

timer_wheel::~timer_wheel() {
  for (auto& slot : slots_) {
    while (slot.next_ != &slot) slot.next_->disarm();
    slot.next_ = slot.previous_ = nullptr;
  }
}

std::uint64_t timer_wheel::tick_of(clock::time_point t) const noexcept {
  if (t <= start_) return 0;
  auto ticks = (t - start_ + tick - clock::duration{1}) / tick; // up: never early
  return static_cast<std::uint64_t>(ticks);
}

void timer_wheel::arm(timer& t, clock::time_point due) noexcept {
  t.disarm();
  t.due_tick_ = std::max(tick_of(due), current_ + 1);
  auto& slot = slots_[t.due_tick_ % slot_count];
  t.next_ = &slot;
  t.previous_ = slot.previous_;
  slot.previous_->next_ = &t;
  slot.previous_ = &t;
  t.armed_count_ = &armed_;
  ++armed_;
  const auto at = t.due_tick_ % slot_count;
  used_[at / 64] |= std::uint64_t{1} << (at % 64);
}

timer_wheel::clock::time_point timer_wheel::next() const noexcept {
  if (armed_ == 0) return clock::time_point::max();
  // The slots behind the present one, in the order of their ticks, a word of bits at a time.
  auto ahead = current_ + 1;
  for (std::size_t looked = 0; looked <= used_.size(); ++looked) {
    const auto at = ahead % slot_count;
    const auto bits = used_[at / 64] >> (at % 64);
    if (bits != 0)
      return start_ + tick * static_cast<std::int64_t>(ahead + static_cast<unsigned>(std::countr_zero(bits)));
    ahead += 64 - at % 64;
  }
  return start_ + tick * static_cast<std::int64_t>(current_ + 1);
}

void timer_wheel::advance(clock::time_point now) {
  auto target = now <= start_ ? 0 : static_cast<std::uint64_t>((now - start_) / tick);
  if (armed_ == 0) current_ = std::max(current_, target);
  while (current_ < target) {
    ++current_;
    const auto at = current_ % slot_count;
    if ((used_[at / 64] >> (at % 64) & 1) == 0) continue;
    auto& slot = slots_[at];
    // What is due moves to a list of its own first: a handler may arm or disarm any timer, also in this slot.
    head due;
    due.next_ = due.previous_ = &due;
    for (auto* t = slot.next_; t != &slot;) {
      auto* following = t->next_;
      if (t->due_tick_ <= current_) {
        t->previous_->next_ = t->next_;
        t->next_->previous_ = t->previous_;
        t->next_ = &due;
        t->previous_ = due.previous_;
        due.previous_->next_ = t;
        due.previous_ = t;
      }
      t = following;
    }
    if (slot.next_ == &slot) used_[at / 64] &= ~(std::uint64_t{1} << (at % 64));
    try {
      while (due.next_ != &due) {
        auto* t = due.next_;
        t->disarm();
        t->expired();
      }
    } catch (...) {
      // The others are not to lose their time because one handler threw: they fire with the next tick.
      while (due.next_ != &due) {
        auto* t = due.next_;
        arm(*t, start_);
      }
      due.next_ = due.previous_ = nullptr;
      throw;
    }
    due.next_ = due.previous_ = nullptr;
  }
}

} // namespace plexus::runtime
