#pragma once
// One event loop a core: an Asio io_context and a CAF execution unit in one, with a turn that handles everything
// that is ready before anything is flushed, so that each socket gets one gathered write a turn (bench/README.md
// shows what that is worth).
//
// A turn: completed I/O and the inbox, timers, runnable actors, round after round within a budget; then the flush
// hooks; then a slice of what can wait, and the hooks once more behind it; then sleep. Everything on a loop runs on
// its one thread and needs no locks.

#include "actors/runtime/handler_times.hpp"
#include "actors/runtime/poller.hpp"
#include "actors/runtime/task.hpp"
#include "actors/runtime/timer_wheel.hpp"

#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace plexus::runtime {

class loop final : public caf::execution_unit {
public:
  using clock = timer_wheel::clock;

  /// `index` counts the node's loops from 0.
  loop(caf::actor_system& system, unsigned index);
  ~loop() override;

  [[nodiscard]] unsigned index() const noexcept { return index_; }
  [[nodiscard]] boost::asio::io_context& context() noexcept { return *context_; }
  /// Loop's thread only.
  [[nodiscard]] poller& sockets() noexcept { return *sockets_; }
  /// Loop's thread only.
  [[nodiscard]] timer_wheel& timers() noexcept { return timers_; }
  /// The time as of this round of the turn: one look at the clock however often it is asked for. Loop's thread
  /// only.
  [[nodiscard]] clock::time_point now() noexcept {
    if (std::exchange(now_is_old_, false)) now_ = clock::now();
    return now_;
  }

  /// Runs `work` on this loop. Any thread; one wake-up for all that comes before the loop looks.
  void post(task work);
  /// Runs `work` later in the same turn. Loop's thread only.
  void defer(task work) { deferred_.push_back(std::move(work)); }
  /// Runs `work` when there is time, in the order of the calls: a slice of such work at the end of each turn. For
  /// what thousands may want at once and nobody waits for, such as the end of a connection. Loop's thread only.
  void patiently(task work) { patient_.push_back(std::move(work)); }
  /// Arms `t`; the loop wakes for it. Loop's thread only.
  void arm(timer& t, clock::time_point due) { timers_.arm(t, due); }
  /// Called at the end of every turn, and once more behind what could wait, for as long as the loop lives. Before
  /// the start only.
  void at_turn_end(std::function<void()> hook) { flush_hooks_.push_back(std::move(hook)); }

  /// True on the thread that runs this loop. A loop that has not been started belongs to who built it.
  [[nodiscard]] bool here() const noexcept;
  /// The loop of this thread, or null.
  static loop* current() noexcept;

  /// The calling thread becomes the loop's, until `release`. All loops are owned before any of them runs, and until
  /// none does: one without an owner would take a foreign thread for its own.
  void own() noexcept;
  void release() noexcept;
  /// Turns until `stop`.
  void run();
  /// One turn. With `wait` it sleeps until there is something to do; without, it returns at once (tests and the
  /// instruction-count scenario drive loops that way).
  void turn(bool wait);
  /// Any thread. The loop ends after the turn under way.
  void stop();

  /// For inspection, on the loop's thread: actors with messages to handle, and timers armed.
  [[nodiscard]] std::size_t ready() const noexcept { return ready_.size(); }
  [[nodiscard]] std::size_t armed() const noexcept { return timers_.armed(); }
  /// What other threads have handed over and this one has not taken. Any thread.
  [[nodiscard]] std::size_t in_inbox();
  /// From now until `until` the time that actors take is measured. On the loop's thread.
  void watch_handlers(clock::time_point until);
  /// Null while nobody watches.
  [[nodiscard]] const handler_times* handlers() const noexcept { return times_.get(); }

  /// For CAF: `ready` has messages to handle.
  void exec_later(caf::resumable* ready) override;

private:
  std::size_t run_ready();
  std::size_t run_deferred();
  void flush();
  /// False: there is something to do.
  bool fall_asleep();
  void wake_up();
  /// False: nothing waited.
  bool run_patient(clock::duration slice);
  std::size_t drain_inbox();
  void schedule_tick();
  caf::resumable::resume_result timed_resume(caf::resumable& r);
  template <class F>
  void guarded(const char* what, F&& work) noexcept;

  unsigned index_;
  std::unique_ptr<boost::asio::io_context> context_;
  struct wakeup;
  std::unique_ptr<wakeup> wakeup_;
  std::unique_ptr<poller> sockets_;
  timer_wheel timers_;
  clock::time_point now_;
  bool now_is_old_ = true; ///< the loop may have slept since
  std::atomic<std::thread::id> thread_{};
  std::atomic<bool> stopping_{false};

  std::deque<caf::resumable*> ready_;
  std::unique_ptr<handler_times> times_; ///< while somebody watches
  clock::time_point watched_until_{};
  std::vector<task> deferred_, deferred_running_;
  std::deque<task> patient_;
  std::vector<std::function<void()>> flush_hooks_;

  std::mutex inbox_mutex_;
  std::vector<task> inbox_; ///< guarded by inbox_mutex_
  bool asleep_ = false;     ///< guarded by inbox_mutex_: whoever fills the inbox wakes the loop
  std::vector<task> inbox_running_;
};

} // namespace plexus::runtime
