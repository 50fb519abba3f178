#include "transport/stream/emulation_handler.hpp"

#include "transport/stream/request.hpp"
#include "transport/transport_metrics.hpp"

#include <utility>

namespace plexus::transport {

namespace {

// The order of the metric's labels: those of `emulated_to`, then what was not handed on at all.
constexpr std::size_t refused_label = 4;

http::response answer_for(emulated_to where) {
  switch (where) {
  case emulated_to::session:
    break;
  case emulated_to::unknown_node:
    return http::sentence(404, "There is no node of this name: connect again.");
  case emulated_to::busy: {
    auto out = http::sentence(429, "Too many commands of this client wait: send them slower.");
    out.headers.emplace_back("Retry-After", "1");
    return out;
  }
  case emulated_to::unreachable:
    return http::sentence(503, "The node that has this client can't be reached: connect again.");
  }
  return {204, {}, {}, {}};
}

} // namespace

void emulation_handler::handle(const http::request& what, http::respond done) {
  const auto refuse = [&](http::response with) {
    metrics::emulated.add(1, refused_label);
    done(std::move(with));
  };
  if (what.method != "POST") return refuse(stream::wrong_method(what.path));
  auto message = protocol::read_emulation(stream::format_of(what.header("content-type")), what.body);
  if (!message)
    return refuse(
        http::sentence(400, "The body has to have session, node and data, as the protocol defines them."));
  if (message->message.size() > settings_()->client.max_message_size) return refuse(stream::too_large());
  to_.forward(*std::move(message), [done = std::move(done)](emulated_to where) {
    metrics::emulated.add(1, static_cast<std::size_t>(where));
    done(answer_for(where));
  });
}

} // namespace plexus::transport
