#include "transport/stream/cluster_sessions.hpp"

#include <utility>

namespace plexus::transport {

namespace {

constexpr const char* subject = "session";

/// The answer's body: its digit.
std::string to_text(emulated_to where) {
  return {static_cast<char>('0' + static_cast<int>(where))};
}

emulated_to from_answers(const cluster::answers& got) {
  if (got.busy) return emulated_to::busy;
  if (got.unknown) return emulated_to::unknown_node;
  if (got.from.empty() || got.from[0].body.size() != 1) return emulated_to::unreachable;
  const auto digit = got.from[0].body[0] - '0';
  const bool known = digit >= 0 && digit <= static_cast<int>(emulated_to::unreachable);
  return known ? static_cast<emulated_to>(digit) : emulated_to::unreachable;
}

} // namespace

// "SESSION\n" and the message.
cluster_sessions::cluster_sessions(cluster::cluster& nodes, local_sessions& here) : nodes_(nodes), here_(here) {
  nodes_.serve(subject, [this](std::string_view body, cluster::cluster::respond say) {
    const auto end = body.find('\n');
    if (end == std::string_view::npos) return say(to_text(emulated_to::session));
    emulated what;
    what.node = nodes_.uid();
    what.session = body.substr(0, end);
    what.message = protocol::padded_text(body.substr(end + 1));
    here_.forward(std::move(what), [say = std::move(say)](emulated_to where) { say(to_text(where)); });
  });
}

void cluster_sessions::forward(emulated what, answered done) {
  if (what.node == nodes_.uid()) return here_.forward(std::move(what), std::move(done));
  // No session has such a name; it would only end the line too early.
  if (what.session.find('\n') != std::string::npos) return done(emulated_to::session);
  auto body = std::move(what.session);
  body.append(1, '\n').append(what.message.view());
  nodes_.ask(std::move(what.node), subject, std::move(body), session_answer_time,
             [done = std::move(done)](const cluster::answers& got) { done(from_answers(got)); });
}

} // namespace plexus::transport
