#pragma once
// Shared by the files of `client`: the counters and the continuation of a command.

#include "actors/connection/client.hpp"
#include "actors/runtime/metrics.hpp"

#include <caf/send.hpp>

namespace plexus::connection {

namespace metrics {

extern const runtime::metrics::counter commands, rate_limited;
void count_error(protocol::error_code code);
void count_disconnect(std::uint16_t code);
void count_refused(token_fault why);
void count_refused(denial why);

} // namespace metrics

template <class T, class Make>
std::function<void(backplane::outcome<T>)> client::answer(std::uint32_t id, Make make) const {
  return [session = session_, transport = env_.transport, &codec = codec_, id, make](backplane::outcome<T> result) {
    std::string bytes;
    if (result) {
      codec.encode(bytes, id, make(*result));
    } else {
      metrics::count_error(result.error());
      codec.encode(bytes, id, protocol::error_reply{result.error()});
    }
    caf::anon_send(transport, channel::deliver{session, std::move(bytes), {}});
  };
}

} // namespace plexus::connection
