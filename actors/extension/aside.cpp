#include "actors/extension/aside.hpp"

namespace plexus::extension {

aside_pool::~aside_pool() {
  {
    const std::lock_guard locked(lock_);
    over_ = true;
    waiting_.clear();
  }
  wake_.notify_all();
  for (auto& each : threads_) each.join();
}

bool aside_pool::run(job what) {
  const std::lock_guard locked(lock_);
  if (over_ || waiting_.size() >= max_waiting) return false;
  waiting_.push_back(std::move(what));
  if (idle_ < waiting_.size() && threads_.size() < most_) threads_.emplace_back([this] { work(); });
  wake_.notify_one();
  return true;
}

void aside_pool::work() {
  std::unique_lock locked(lock_);
  for (;;) {
    ++idle_;
    wake_.wait(locked, [this] { return over_ || !waiting_.empty(); });
    --idle_;
    if (over_) return;
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    locked.unlock();
    next();
    next = nullptr;
    locked.lock();
  }
}

} // namespace plexus::extension
