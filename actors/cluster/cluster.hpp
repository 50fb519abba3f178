#pragma once
// Nodes that ask each other: a question about a subject goes to one node or to all, and what came back within a
// time is handed to who asked, with the names of those that said nothing. Never an endless wait, never a silent
// gap.

#include "actors/runtime/runtime.hpp"
#include "backplane/backplane.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::cluster {

using std::chrono::milliseconds;

struct reply {
  std::string node; ///< its name
  std::string body;
};

struct answers {
  std::vector<reply> from;         ///< in the order in which they came
  std::vector<std::string> silent; ///< names of nodes that did not answer in time, or can't answer such a question
  bool unsure = false; ///< the backplane could not say which nodes there are: others may not have been asked at all
  bool unknown = false; ///< `ask`: there is no such node
  bool busy = false;    ///< nobody else was asked: too many questions wait already
};

/// Questions of this node that wait for answers, and their bytes together; one more is answered at once (`busy`).
inline constexpr std::size_t max_questions = 10'000, max_question_bytes = 64 << 20;

/// One a node. Any loop may call; the state is kept on the loop of the empty channel name. What it refers to
/// outlives it.
class cluster {
public:
  /// Exactly once, on any thread, at once or later. Longer than `max_body` it isn't sent: an error in the log.
  using respond = std::function<void(std::string body)>;
  using handler = std::function<void(std::string_view body, respond)>;
  /// Once, on the loop that asked, never from inside the call.
  using done = std::function<void(answers)>;

  cluster(runtime::runtime& loops, backplane::backplane& plane, std::string name);
  ~cluster();
  cluster(const cluster&) = delete;
  cluster& operator=(const cluster&) = delete;

  /// Before the loops start. `how` is called on the loop of the empty channel name, in the order in which a node
  /// asked; it doesn't block. A subject has no line breaks.
  void serve(std::string subject, handler how);

  /// Asks every node, this one included. At most once each: a node that is silent may have done what was asked.
  void ask_all(std::string subject, std::string body, milliseconds timeout, done then);
  /// Asks one node by uid, or by name where that is no uid. `silent` is then `node` as given.
  /// Questions of one loop to one node arrive in the order in which they were asked.
  void ask(std::string node, std::string subject, std::string body, milliseconds timeout, done then);

  /// The node ends: nobody waits for its answers any more. `then` once, on the loop that called, when the others
  /// are being told, or can't be.
  void leave(std::function<void()> then);

  /// This node's.
  [[nodiscard]] const std::string& uid() const noexcept;
  [[nodiscard]] const std::string& name() const noexcept;

  /// From the backplane's listener, on the loop of the empty channel name.
  void received(const std::string& from, std::string_view bytes);

private:
  void begin(bool to_all, std::string to, std::string subject, std::string body, milliseconds timeout, done then);

  struct state;
  std::shared_ptr<state> state_;
};

} // namespace plexus::cluster
