#include "transport/stream/gateway.hpp"

#include "transport/loop_transport.hpp"
#include "transport/stream/session_key.hpp"

#include <utility>

namespace plexus::transport {

void local_sessions::forward(emulated what, answered done) {
  if (what.node != node_) {
    done(emulated_to::unknown_node);
    return;
  }
  const auto key = read_session_key(what.session);
  if (!key || key->loop >= loops_.size()) {
    done(emulated_to::session);
    return;
  }
  auto& target = *loops_[key->loop];
  const auto deliver = [&target, key = *key](protocol::padded_text message) {
    return target.deliver_beside(key, std::move(message)) ? emulated_to::session : emulated_to::busy;
  };
  auto* asking = runtime::loop::current();
  if (asking == nullptr || target.home().here()) {
    done(deliver(std::move(what.message)));
    return;
  }
  target.home().post([deliver, asking, message = std::move(what.message), done = std::move(done)]() mutable {
    const auto where = deliver(std::move(message));
    asking->post([where, done = std::move(done)] { done(where); });
  });
}

} // namespace plexus::transport
