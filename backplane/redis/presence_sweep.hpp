#pragma once
// Whose members are to be taken out: inboxes that are gone, and the channels in which their nodes had members. Each
// is worked on once at a time, a channel a step. Any number of nodes may clean the same one: a step is atomic and
// takes out only what is still there. Pure. Owner: the partition.

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace plexus::backplane::redis {

class presence_sweep {
public:
  /// Inboxes that are gone; returns those to be buried now.
  std::vector<std::string> found(const std::vector<std::string>& dead) {
    std::vector<std::string> fresh;
    for (const auto& each : dead)
      if (burying_.insert(each).second) fresh.push_back(each);
    return fresh;
  }
  /// The channels in which `dead` has members: returns those to be cleaned now. None: it was forgotten.
  std::vector<std::string> channels(const std::string& dead, const std::vector<std::string>& names) {
    burying_.erase(dead);
    std::vector<std::string> fresh;
    for (const auto& each : names)
      if (cleaning_.emplace(dead, each).second) fresh.push_back(each);
    return fresh;
  }
  /// None of its members is left in the channel, or cleaning failed. True: that was the last channel that is known,
  /// so it is asked at once whether there are more.
  bool cleaned(const std::string& dead, const std::string& channel) {
    cleaning_.erase({dead, channel});
    const auto next = cleaning_.lower_bound({dead, {}});
    return next == cleaning_.end() || next->first != dead;
  }
  /// The connection was lost.
  void forget() {
    burying_.clear();
    cleaning_.clear();
  }

private:
  std::set<std::string> burying_;
  std::set<std::pair<std::string, std::string>> cleaning_;
};

} // namespace plexus::backplane::redis
