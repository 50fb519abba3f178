#include "backplane/redis/fine_timer.hpp"

#include "actors/runtime/loop.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace plexus::backplane::redis {

struct fine_timer::parts {
  explicit parts(runtime::loop& home) : clock(home.context()) {}
  boost::asio::steady_timer clock;
  std::function<void()> then; ///< empty: nobody waits
};

fine_timer::fine_timer(runtime::loop& home) : parts_(std::make_shared<parts>(home)) {}

fine_timer::~fine_timer() {
  parts_->then = nullptr;
  parts_->clock.cancel();
}

void fine_timer::wait(std::chrono::steady_clock::duration time, std::function<void()> then) {
  if (parts_->then) return;
  parts_->then = std::move(then);
  parts_->clock.expires_after(time);
  parts_->clock.async_wait([here = std::weak_ptr(parts_)](const boost::system::error_code&) {
    const auto waiting = here.lock();
    if (!waiting || !waiting->then) return;
    std::exchange(waiting->then, nullptr)();
  });
}

} // namespace plexus::backplane::redis
