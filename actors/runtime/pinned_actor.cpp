#include "actors/runtime/pinned_actor.hpp"

#include "actors/runtime/log.hpp"
#include "actors/runtime/metrics.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/send.hpp>

namespace plexus::runtime {

namespace {
const metrics::counter actor_failures{"plexus_actor_failures_total",
                                      "Actors ended by an exception: each is a defect, see the log."};
}

pinned_actor::pinned_actor(caf::actor_config& config, loop& home, std::string_view kind) :
    caf::event_based_actor(config), home_(home), kind_(kind) {
  set_exception_handler([this](std::exception_ptr& thrown) -> caf::error {
    failed_ = true;
    note_failure(thrown, "an actor failed and was ended");
    return caf::exit_reason::unhandled_exception;
  });
}

void pinned_actor::note_failure(const std::exception_ptr& thrown, std::string_view then) const {
  actor_failures.add();
  std::string why = "unknown";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    why = e.what();
  } catch (...) {
  }
  log::error("runtime", then, {{"actor", kind_}, {"error", why}});
}

void pinned_actor::fail() {
  failed_ = true;
  caf::anon_send_exit(caf::actor_cast<caf::actor>(ctrl()), caf::exit_reason::unhandled_exception);
}

void pinned_actor::enqueue(caf::mailbox_element_ptr mail, caf::execution_unit*) {
  if (home_.here()) {
    caf::event_based_actor::enqueue(std::move(mail), &home_);
    return;
  }
  home_.post([self = caf::strong_actor_ptr{ctrl()}, this, mail = std::move(mail)]() mutable {
    caf::event_based_actor::enqueue(std::move(mail), &home_);
  });
}

} // namespace plexus::runtime
