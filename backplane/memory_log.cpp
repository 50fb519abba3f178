#include "backplane/memory_log.hpp"

#include "backplane/idempotency_keys.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <random>

namespace plexus::backplane {

namespace {

milliseconds later(milliseconds now, milliseconds by) {
  return by > milliseconds::max() - now ? milliseconds::max() : now + by;
}

} // namespace

std::string make_epoch() {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
    return std::mt19937_64{seed};
  }();
  std::uniform_int_distribution<std::size_t> pick(0, letters.size() - 1);
  std::string made(8, ' ');
  for (char& c : made) c = letters[pick(random)];
  return made;
}

memory_log::memory_log() = default;
memory_log::memory_log(std::string epoch) : epoch_(std::move(epoch)) {}
memory_log::~memory_log() = default;

const std::string& memory_log::epoch() {
  if (epoch_.empty()) epoch_ = make_epoch();
  return epoch_;
}

std::optional<position> memory_log::find_key(const std::string& key, milliseconds now) {
  const auto offset = keys_ ? keys_->find(key, now) : std::nullopt;
  if (!offset) return std::nullopt;
  return *offset > 0 ? position{epoch(), *offset} : position{};
}

appended memory_log::append(draft what, const retention& keep, milliseconds now) {
  const bool keyed = !what.idempotency_key.empty() && what.idempotency_ttl > milliseconds{0};
  if (keyed)
    if (auto first = find_key(what.idempotency_key, now)) return {std::move(*first), true, nullptr};
  auto made = std::make_shared<protocol::publication>();
  made->data = std::move(what.data);
  made->binary = what.binary;
  made->info = std::move(what.info);
  made->tags = std::move(what.tags);
  made->time = now;
  appended answer{{}, false, made};
  if (keep.logs() && !what.skip_history) {
    expire_history(now); // or the new entry's time would bring the old ones back
    made->offset = ++top_;
    if (top_ == 1) made->epoch = epoch();
    answer.at = top();
    entries_.push_back(std::move(made));
    trim(keep.size);
    expires_ = later(now, keep.ttl);
    touch(keep.ttl, now);
  }
  if (keyed) {
    if (!keys_) keys_ = std::make_unique<idempotency_keys>();
    keys_->add(std::move(what.idempotency_key), answer.at.offset, later(now, what.idempotency_ttl));
  }
  return answer;
}

recovery memory_log::recover(const position& since, std::size_t max, milliseconds now) {
  expire_history(now);
  recovery answer{top(), false, {}};
  if ((!since.epoch.empty() && since.epoch != epoch_) || since.offset > top_) return answer;
  const std::uint64_t missed = top_ - since.offset;
  if (missed > kept() || missed > max) return answer;
  answer.recovered = true;
  answer.publications.assign(entries_.end() - static_cast<std::ptrdiff_t>(missed), entries_.end());
  return answer;
}

outcome<log_page> memory_log::history(const log_query& what, milliseconds now) {
  if (what.since && !what.since->epoch.empty() && what.since->epoch != epoch())
    return error_code::unrecoverable_position;
  expire_history(now);
  log_page page{top(), {}};

  // The kept offsets are before + 1 ... top_; [from, to) are indexes into them.
  const std::uint64_t before = top_ - kept();
  std::uint64_t from = 0, to = kept();
  if (what.since && !what.reverse) from = std::clamp(what.since->offset, before, top_) - before;
  if (what.since && what.reverse) to = std::clamp(what.since->offset, before + 1, top_ + 1) - before - 1;
  const std::uint64_t count = std::min<std::uint64_t>(to - from, what.limit.value_or(to - from));
  if (count == 0) return page;

  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(first_);
  const auto step = static_cast<std::ptrdiff_t>(count);
  if (what.reverse) {
    const auto end = std::make_reverse_iterator(begin + static_cast<std::ptrdiff_t>(to));
    page.publications.assign(end, end + step);
  } else {
    const auto start = begin + static_cast<std::ptrdiff_t>(from);
    page.publications.assign(start, start + step);
  }
  return page;
}

void memory_log::remove_history() {
  first_ = 0;
  std::vector<publication_ptr>{}.swap(entries_);
}

void memory_log::touch(milliseconds ttl, milliseconds now) {
  life_ = ttl;
  lives_until_ = later(now, ttl);
}

bool memory_log::lived_out(milliseconds now) const {
  return now >= lives_until_ && (kept() == 0 || history_over(now)) && (!keys_ || keys_->empty());
}

std::size_t memory_log::expire(milliseconds now, std::size_t most) {
  std::size_t freed = expire_history(now);
  if (keys_) {
    freed += keys_->expire(now, most);
    if (keys_->empty()) keys_.reset();
  }
  return freed;
}

std::optional<milliseconds> memory_log::next_due(bool unused) const {
  std::optional<milliseconds> due;
  const auto at = [&due](milliseconds when) { due = due ? std::min(*due, when) : when; };
  if (kept() > 0) at(expires_);
  if (keys_) {
    if (const auto next = keys_->next_due()) at(*next);
  }
  if (unused) at(lives_until_);
  return due;
}

void memory_log::trim(std::size_t size) {
  while (kept() > size) entries_[first_++].reset();
  // Moving the rest down once half is empty makes it one move for each entry that left.
  if (first_ > 0 && first_ * 2 >= entries_.size()) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

std::size_t memory_log::expire_history(milliseconds now) {
  const std::size_t gone = kept();
  if (gone == 0 || !history_over(now)) return 0;
  remove_history();
  return gone;
}

} // namespace plexus::backplane
