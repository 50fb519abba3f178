#pragma once
// Answers on their way back: commands are carried out on the loops of their channels and connections, the answer is
// given on the loop that asked. There it is put together without locks.

#include "actors/protocol/api.hpp"
#include "actors/runtime/loop.hpp"
#include "config/settings.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace plexus::transport::api {

/// Takes the answer to one command; called once, on the asking loop, never from inside the call that asked.
using answered = std::function<void(protocol::api_answer)>;
using all_answered = std::function<void(std::vector<protocol::api_answer>)>;

/// On whose behalf a command runs.
struct caller {
  runtime::loop& home; ///< where the request came in and is answered
  std::shared_ptr<const config::settings> settings;
  /// Ends with the handler: from then on the loops may be gone and nothing is answered any more.
  std::weak_ptr<const void> open;
};

/// The promise of one answer. Should all who hold it go without a word (an actor failed with the command in its
/// mailbox), the answer is error 100, so that no request waits forever.
class pending {
public:
  pending(const caller& from, answered done) : home_(from.home), open_(from.open), done_(std::move(done)) {}
  ~pending();
  pending(const pending&) = delete;
  pending& operator=(const pending&) = delete;

  /// Once, on any loop.
  void tell(protocol::api_answer what);

private:
  runtime::loop& home_;
  std::weak_ptr<const void> open_;
  answered done_;
};

using pending_ptr = std::shared_ptr<pending>;

/// Starts the command with that index; it has to lead to one call of the second.
using start_one = std::function<void(std::size_t, answered)>;

/// Starts `count` commands at once. `done` gets their answers, in the order of the commands, when all are there.
void collect(std::size_t count, const start_one& start, all_answered done);
/// The same, each started when the one before was answered.
void collect_in_turn(std::size_t count, start_one start, all_answered done);

} // namespace plexus::transport::api
