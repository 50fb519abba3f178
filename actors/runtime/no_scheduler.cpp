#include "actors/runtime/no_scheduler.hpp"

#include <caf/actor_system.hpp>
#include <caf/group.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>
#include <caf/resumable.hpp>
#include <caf/scoped_execution_unit.hpp>

#include <stdexcept>

namespace plexus::runtime {

namespace {

constexpr std::size_t messages_at_once = 100;

[[noreturn]] void refuse() {
  throw std::logic_error("CAF's timeouts are not served here: arm a timer of the loop");
}

} // namespace

void no_clock::set_ordinary_timeout(time_point, caf::abstract_actor*, caf::atom_value, std::uint64_t) {
  refuse();
}
void no_clock::set_multi_timeout(time_point, caf::abstract_actor*, caf::atom_value, std::uint64_t) {
  refuse();
}
void no_clock::set_request_timeout(time_point, caf::abstract_actor*, caf::message_id) {
  refuse();
}
void no_clock::schedule_message(time_point, caf::strong_actor_ptr, caf::mailbox_element_ptr) {
  refuse();
}
void no_clock::schedule_message(time_point, caf::group, caf::strong_actor_ptr, caf::message) {
  refuse();
}

void no_scheduler::enqueue(caf::resumable* what) {
  caf::scoped_execution_unit here(&system_);
  for (;;) {
    switch (what->resume(&here, messages_at_once)) {
    case caf::resumable::resume_later:
      continue;
    case caf::resumable::done:
    case caf::resumable::awaiting_message:
      caf::intrusive_ptr_release(what);
      return;
    case caf::resumable::shutdown_execution_unit:
      return;
    }
  }
}

} // namespace plexus::runtime
