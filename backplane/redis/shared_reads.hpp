#pragma once
// Many who ask for the same: those that come while the question still waits have its answer too. When a node has
// ended, thousands come to another one with the same position in the same log; each answer takes a part of a batch,
// so for all of them Redis would need longer than anybody waits.
//
// A question that is on its way is too old for who asks now: what was published since isn't in its answer. Neither
// does anybody join one that waits in front of something that changes the channel: steps are done in order.
//
// On the partition's loop, apart from the answers. Owner: the partition.

#include "backplane/backplane.hpp"
#include "backplane/redis/step.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace plexus::backplane::redis {

class shared_reads {
public:
  /// `patience`: how much less time than its own a question may have left for another one to join it.
  shared_reads(backplane::executor run, milliseconds patience) : run_(std::move(run)), patience_(patience) {}

  /// True: `what` is answered together with a question that waits, and is used up. Otherwise it has to wait itself;
  /// where it is a recovery or a page of the history, others may join it until its channel is closed. The answers
  /// come through the executor, a task each.
  bool join(step& what);
  /// What waits for `channel` is on its way, or something behind it changes the channel.
  void close(const std::string& channel) {
    if (!open_.empty()) open_.erase(channel);
  }

private:
  template <class T>
  using askers = std::shared_ptr<std::vector<answer<T>>>;
  struct question {
    std::string words;
    milliseconds until{0};
    std::variant<askers<recovery>, askers<log_page>> who;
  };
  template <class T>
  bool join(step& what, std::string words, answer<T>& done);

  backplane::executor run_;
  milliseconds patience_;
  std::unordered_map<std::string, std::vector<question>> open_; ///< by channel
};

} // namespace plexus::backplane::redis
