#pragma once
// Threads for what a channel actor runs aside: the only ones beside the loops that run users' code, so that a loop
// never waits. Started with the first job.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace plexus::extension {

class aside_pool {
public:
  static constexpr std::size_t max_waiting = 10'000;
  using job = std::function<void()>;

  explicit aside_pool(unsigned threads) : most_(threads) {}
  /// Waits for the jobs that run; those that wait are dropped.
  ~aside_pool();
  aside_pool(const aside_pool&) = delete;
  aside_pool& operator=(const aside_pool&) = delete;

  /// Any thread. False: `max_waiting` others wait.
  bool run(job what);

private:
  void work();

  unsigned most_;
  std::mutex lock_;
  std::condition_variable wake_;
  std::deque<job> waiting_;
  std::vector<std::thread> threads_;
  unsigned idle_ = 0;
  bool over_ = false;
};

} // namespace plexus::extension
