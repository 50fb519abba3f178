#pragma once
// Shared by the files of `client`: the counters and the continuation of a command.

#include "actors/connection/client.hpp"
#include "actors/connection/promises.hpp"
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
std::function<void(backplane::outcome<T>)> client::answer(std::shared_ptr<reply_promise> to, Make make) {
  return [to = std::move(to), make](backplane::outcome<T> result) {
    if (result)
      to->tell(make(*result));
    else
      to->refuse(result.error());
  };
}

} // namespace plexus::connection
