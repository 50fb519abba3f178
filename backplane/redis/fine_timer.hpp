#pragma once
// A wait of less than a tick of the loop's wheel. Owner: whoever waits; on the loop's thread.

#include <chrono>
#include <functional>
#include <memory>

namespace plexus::runtime {
class loop;
}

namespace plexus::backplane::redis {

class fine_timer {
public:
  explicit fine_timer(runtime::loop& home);
  ~fine_timer(); ///< what is waited for doesn't happen any more
  fine_timer(const fine_timer&) = delete;
  fine_timer& operator=(const fine_timer&) = delete;

  /// Calls `then` once after `time`. Nothing while an earlier wait isn't over.
  void wait(std::chrono::steady_clock::duration time, std::function<void()> then);

private:
  struct parts;
  std::shared_ptr<parts> parts_;
};

} // namespace plexus::backplane::redis
