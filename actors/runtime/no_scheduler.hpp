#pragma once
// CAF's scheduler and clock, left out: every actor is pinned to a loop and timers are the loop's, so CAF's worker
// and clock threads would have nothing to do but be woken (its clock once for each actor that ends, 4 % of the time
// that 10,000 clients take to come and go).

#include <caf/actor_clock.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

namespace plexus::runtime {

/// Knows no timeouts: asking for one throws std::logic_error, cancelling does nothing.
class no_clock final : public caf::actor_clock {
public:
  void set_ordinary_timeout(time_point, caf::abstract_actor*, caf::atom_value, std::uint64_t) override;
  void set_multi_timeout(time_point, caf::abstract_actor*, caf::atom_value, std::uint64_t) override;
  void set_request_timeout(time_point, caf::abstract_actor*, caf::message_id) override;
  void schedule_message(time_point, caf::strong_actor_ptr, caf::mailbox_element_ptr) override;
  void schedule_message(time_point, caf::group, caf::strong_actor_ptr, caf::message) override;
  void cancel_ordinary_timeout(caf::abstract_actor*, caf::atom_value) override {}
  void cancel_request_timeout(caf::abstract_actor*, caf::message_id) override {}
  void cancel_timeouts(caf::abstract_actor*) override {}
  void cancel_all() override {}
};

/// Has no threads. CAF's own service actors, which hear of nothing but the end, run where they are sent to.
class no_scheduler final : public caf::scheduler::abstract_coordinator {
public:
  using abstract_coordinator::abstract_coordinator;
  void start() override {}
  void stop() override {}
  void enqueue(caf::resumable* what) override;
  caf::actor_clock& clock() noexcept override { return clock_; }

private:
  no_clock clock_;
};

} // namespace plexus::runtime
