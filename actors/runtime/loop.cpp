#include "actors/runtime/loop.hpp"

#include "actors/runtime/log.hpp"
#include "actors/runtime/metrics.hpp"
#include "actors/runtime/pinned_actor.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <caf/actor_system.hpp>
#include <caf/resumable.hpp>

namespace plexus::runtime {

namespace {

// A turn ends when nothing is ready or after so many rounds: a flood on one socket must not keep the others from
// being written to.
constexpr int rounds_a_turn = 64;
constexpr std::size_t completions_a_round = 64;
// Then what there is to write is written, however much else is ready: thousands who connect at once must not hold
// up those who are here.
constexpr std::chrono::milliseconds longest_gathering{4};
// Of each turn for what can wait; with nothing else to do one turn follows the other.
constexpr std::chrono::microseconds patient_slice{1000}, busy_slice{200};
constexpr std::size_t messages_a_resume = 100;
constexpr std::chrono::milliseconds slow_turn{50}; // whoever watches is told

thread_local loop* current_loop = nullptr;

const metrics::histogram turn_seconds{"plexus_loop_turn_seconds",
                                      "How long a turn of an event loop took: what waits, waits so long.",
                                      {0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1}};
const metrics::counter failures{"plexus_loop_failures_total",
                                "Exceptions that reached an event loop: each is a defect, see the log."};
const metrics::counter handed_over{"plexus_loop_messages_total",
                                   "Messages that an event loop was given by another thread."};
const metrics::counter wakeups{"plexus_loop_wakeups_total",
                               "Of these, those that found their loop asleep: each takes a system call."};

} // namespace

struct loop::wakeup {
  explicit wakeup(boost::asio::io_context& context) : guard(boost::asio::make_work_guard(context)), tick(context) {}
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard;
  boost::asio::steady_timer tick;
  clock::time_point due = clock::time_point::max(); ///< for which `tick` is set
};

loop::loop(caf::actor_system& system, unsigned index) :
    caf::execution_unit(&system),
    index_(index),
    context_(std::make_unique<boost::asio::io_context>(1)),
    wakeup_(std::make_unique<wakeup>(*context_)),
    sockets_(std::make_unique<poller>(*context_)),
    timers_(clock::now()),
    now_(clock::now()) {}

loop::~loop() {
  // Actors that were still to run keep a reference each; give it back so that their memory goes too.
  while (!ready_.empty()) {
    auto* r = ready_.front();
    ready_.pop_front();
    caf::intrusive_ptr_release(r);
  }
  sockets_.reset();
  wakeup_.reset();
}

bool loop::here() const noexcept {
  auto owner = thread_.load(std::memory_order_relaxed);
  return owner == std::thread::id{} || owner == std::this_thread::get_id();
}

loop* loop::current() noexcept {
  return current_loop;
}

void loop::post(task work) {
  bool wake = false;
  {
    std::lock_guard guard(inbox_mutex_);
    inbox_.push_back(std::move(work));
    wake = std::exchange(asleep_, false);
  }
  if (!here()) handed_over.add();
  // One that is awake looks into its inbox before it sleeps; whoever finds it asleep wakes it for the rest too.
  if (!wake) return;
  wakeups.add();
  boost::asio::post(*context_, [] {});
}

bool loop::fall_asleep() {
  if (!ready_.empty() || !deferred_.empty() || !patient_.empty() || !sockets_->sleep()) return false;
  std::lock_guard guard(inbox_mutex_);
  asleep_ = inbox_.empty();
  return asleep_;
}

void loop::wake_up() {
  std::lock_guard guard(inbox_mutex_);
  asleep_ = false;
}

void loop::schedule_tick() {
  const auto due = timers_.next();
  if (due >= wakeup_->due) return; // it is set already, or for earlier: then it finds out when it goes off
  wakeup_->due = due;
  wakeup_->tick.expires_at(due);
  wakeup_->tick.async_wait([this](const boost::system::error_code& replaced) {
    if (!replaced) wakeup_->due = clock::time_point::max();
  });
}

void loop::exec_later(caf::resumable* ready) {
  if (here())
    ready_.push_back(ready);
  else
    post([this, ready] { ready_.push_back(ready); });
}

void loop::own() noexcept {
  thread_ = std::this_thread::get_id();
  current_loop = this;
}

void loop::release() noexcept {
  thread_ = std::thread::id{};
  if (current_loop == this) current_loop = nullptr;
}

void loop::run() {
  while (!stopping_.load(std::memory_order_relaxed)) turn(true);
}

void loop::stop() {
  post([this] { stopping_ = true; });
}

template <class F>
void loop::guarded(const char* what, F&& work) noexcept {
  try {
    work();
  } catch (const std::exception& e) {
    failures.add();
    log::error("runtime", "a handler threw; the loop goes on", {{"in", what}, {"error", e.what()}});
  } catch (...) {
    failures.add();
    log::error("runtime", "a handler threw something unknown; the loop goes on", {{"in", what}});
  }
}

void loop::turn(bool wait) {
  now_is_old_ = true;
  bool has_slept = wait && fall_asleep();
  if (has_slept) {
    schedule_tick();
    guarded("I/O", [this] { context_->run_one(); });
    wake_up();
  }
  auto woke = now();
  bool busy = false;
  for (int round = 0; round < rounds_a_turn; ++round) {
    std::size_t done = 0;
    // To look for more takes system calls: only when what was found is done.
    if (round == 0 || (ready_.empty() && deferred_.empty())) {
      if (!std::exchange(has_slept, false))
        guarded("I/O", [&] {
          while (done < completions_a_round && context_->poll_one()) ++done;
        });
      done += drain_inbox();
      guarded("a socket", [&] { done += sockets_->poll(); });
      guarded("a timer", [this] { timers_.advance(now()); });
    }
    done += run_ready();
    done += run_deferred();
    if (done == 0) break;
    now_is_old_ = true;
    busy = now() - woke > longest_gathering;
    if (busy) break;
  }
  flush();
  // What it wrote goes out now, not when something else wakes the loop. Who is here doesn't wait for it.
  if (run_patient(busy ? busy_slice : patient_slice)) flush();
  const std::chrono::duration<double> took = clock::now() - woke;
  turn_seconds.observe(took.count());
  if (took > slow_turn)
    log::note_slow("runtime", "a turn of an event loop took long",
                   {{"loop", index_}, {"milliseconds", took.count() * 1000}});
}

void loop::flush() {
  for (auto& hook : flush_hooks_) guarded("a flush", hook);
}

std::size_t loop::in_inbox() {
  std::lock_guard guard(inbox_mutex_);
  return inbox_.size();
}

void loop::watch_handlers(clock::time_point until) {
  watched_until_ = until;
  if (!times_) times_ = std::make_unique<handler_times>(now());
}

caf::resumable::resume_result loop::timed_resume(caf::resumable& r) {
  auto begin = clock::now();
  auto result = r.resume(this, messages_a_resume);
  auto end = clock::now();
  if (auto* actor = dynamic_cast<pinned_actor*>(&r))
    if (times_->add(actor->kind(), end - begin)) times_->keep(actor->kind(), actor->label(), end - begin);
  if (end > watched_until_) times_.reset();
  return result;
}

std::size_t loop::run_ready() {
  auto count = ready_.size();
  for (auto left = count; left > 0; --left) {
    auto* r = ready_.front();
    ready_.pop_front();
    switch (times_ ? timed_resume(*r) : r->resume(this, messages_a_resume)) {
    case caf::resumable::resume_later:
      ready_.push_back(r);
      break;
    case caf::resumable::done:
    case caf::resumable::awaiting_message:
      caf::intrusive_ptr_release(r);
      break;
    case caf::resumable::shutdown_execution_unit:
      break;
    }
  }
  return count;
}

std::size_t loop::run_deferred() {
  deferred_running_.swap(deferred_);
  for (auto& work : deferred_running_) guarded("a task", [&work] { work(); });
  auto count = deferred_running_.size();
  deferred_running_.clear();
  return count;
}

bool loop::run_patient(clock::duration slice) {
  if (patient_.empty()) return false;
  const auto until = clock::now() + slice;
  for (auto left = patient_.size(); left > 0; --left) {
    auto work = std::move(patient_.front());
    patient_.pop_front();
    guarded("a patient task", work);
    if (clock::now() >= until) break;
  }
  return true;
}

std::size_t loop::drain_inbox() {
  {
    std::lock_guard guard(inbox_mutex_);
    inbox_running_.swap(inbox_);
  }
  for (auto& work : inbox_running_) guarded("a message", [&work] { work(); });
  auto count = inbox_running_.size();
  inbox_running_.clear();
  return count;
}

} // namespace plexus::runtime
