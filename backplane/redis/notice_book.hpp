#pragma once
// The notices as this node knows them, in case Redis loses what it has. Told on the executor, in the order in which
// the listener hears of them; read on the partition's loop. Owner: the partition and what it has given to the
// executor.

#include "backplane/memory_notices.hpp"

#include <mutex>
#include <vector>

namespace plexus::backplane::redis {

class notice_book {
public:
  /// One as it stands now; `until` 0: none. `now` is Unix time.
  void take(const notice& what, milliseconds now) {
    const std::lock_guard locked(lock_);
    if (what.until == milliseconds{0})
      known_.drop(what.key);
    else
      known_.put(what, now);
  }
  void replace(const std::vector<notice>& all, milliseconds now) {
    const std::lock_guard locked(lock_);
    known_ = {};
    for (const auto& each : all) known_.put(each, now);
  }
  [[nodiscard]] std::vector<notice> all(milliseconds now) const {
    const std::lock_guard locked(lock_);
    return known_.all(now);
  }

private:
  mutable std::mutex lock_;
  memory_notices known_;
};

} // namespace plexus::backplane::redis
