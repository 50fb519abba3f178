#pragma once
// What happens to a client or in a channel, step by step, told to who watches. Nothing is put together unless
// somebody does: those who have something to tell ask `on()` first, which is one load.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace plexus::runtime::trace {

/// Views hold for the call. What isn't known is empty.
struct step {
  std::string_view what; ///< "in", "out" or "decision"
  std::string_view kind; ///< "publish", "reply", "refused", ...
  std::string_view client{}, user{}, channel{};
  std::string_view why{};   ///< of a decision
  std::uint64_t number = 0; ///< a code for decisions, an offset for publications; 0: none
  std::size_t bytes = 0;
  std::string_view payload{}; ///< never a token
};

/// On one loop, called there.
class watcher {
public:
  virtual ~watcher() = default;
  virtual void see(const step& what) = 0;
};

/// Of this thread's loop; null: nobody watches.
inline constinit thread_local watcher* current = nullptr;

inline bool on() noexcept {
  return current != nullptr;
}
inline void tell(const step& what) {
  current->see(what);
}

} // namespace plexus::runtime::trace
