#pragma once
// Runs a channel actor in a unit test: no node, no network, a clock that stands until the test moves it. It is the
// same code that runs it in a node. Link `plexus::testkit`.
//
//   plexus::testkit::channel room("auction:lot", plexus::testkit::of<auction>());
//   room.subscribe("ann");
//   CHECK(room.call("ann", "bid", R"({"amount":5})").data == R"({"price":5})");
//   room.advance(30s);                         // timers fire on the way, each at its time
//   CHECK(room.published().back() == R"({"sold":"ann"})");
//   room.kill();                               // as if the node died: rebuilt from what was kept
//   CHECK(room.call("ann", "price", "{}").data == R"({"price":5})");
//
// After every handler the kit rebuilds a second object from what was kept and compares: a member that PLEXUS_STATE
// leaves out, or an `apply` that doesn't do the same twice, throws std::logic_error there and then.

#include <plexus/channel_actor.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::testkit {

/// What a caller got.
struct result {
  std::uint16_t code = 0; ///< 0: done
  std::string message;
  std::string data;
  bool later = false; ///< not yet: see `channel::answered`
  explicit operator bool() const noexcept { return code == 0; }
};

struct publication {
  std::string data;
  std::string from; ///< the user whose publication it was; empty: the actor's own
  bool kept = true; ///< goes to the channel's history
  std::vector<std::pair<std::string, std::string>> tags{};
};

struct options {
  milliseconds presence_grace{0};
  std::size_t max_state = 1'048'576;
  time_point begin{std::chrono::hours{24 * 365 * 50}}; ///< what the clock shows first
  bool compare_rebuilt = true;                         ///< see the top of this file
};

using maker = detail::make_actor;
template <class Actor>
maker of() {
  return []() -> std::unique_ptr<channel_actor> { return std::make_unique<Actor>(); };
}

/// One channel with its actor. Users and clients are named by the test; a client belongs to the user whose name
/// stands before a `/` ("ann/phone" and "ann/desk" are both ann).
class channel {
public:
  channel(std::string name, maker make, const options& with = {});
  ~channel();
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;

  result subscribe(std::string_view client, std::string_view data = {});
  void unsubscribe(std::string_view client);
  /// Its connection breaks.
  void disconnect(std::string_view client);
  /// A client publishes; an empty name is the back end.
  result publish(std::string_view client, std::string_view data);
  /// With a key, the same call again is answered and not run.
  result call(std::string_view client, std::string_view verb, std::string_view data = "{}",
              std::string_view key = {});

  /// The clock goes on; timers fire on the way.
  void advance(milliseconds by);
  [[nodiscard]] time_point now() const;
  /// Runs what `run_aside` was given, one after the other; says how many.
  std::size_t run_aside();

  /// The node dies without a word, and another rebuilds the actor.
  void kill();
  /// Handed over to another node.
  void move();

  /// Everything published since the last look.
  std::vector<std::string> published();
  std::vector<publication> publications();
  /// Answers to calls that were put off, since the last look.
  std::vector<result> answered();
  /// Clients that the actor removed, since the last look. They are unsubscribed.
  std::vector<std::string> removed();
  /// What `set_presence` said, by client, since the last look.
  std::vector<std::pair<std::string, std::string>> presences();
  /// What handlers threw and logged, since the last look.
  std::vector<std::string> failures();
  std::vector<std::string> logged();
  [[nodiscard]] const member_map& members() const;
  /// `finish` was called by the last handler that ran. As in a node the next command makes a new actor, and those
  /// who are subscribed join it.
  [[nodiscard]] bool finished() const;
  [[nodiscard]] std::size_t state_size() const;

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace plexus::testkit
