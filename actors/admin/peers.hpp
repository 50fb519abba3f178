#pragma once
// The other nodes, as far as inspection asks them.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::admin {

class peers {
public:
  struct reply {
    std::string node; ///< its name
    std::string body;
  };
  struct answers {
    std::vector<reply> from;
    std::vector<std::string> silent; ///< names of nodes that did not answer in time
    bool unsure = false;             ///< it isn't known which nodes there are: others may not have been asked
    bool unknown = false;            ///< there is no node of the name that was given
  };
  using done = std::function<void(answers)>;

  virtual ~peers() = default;
  /// Asks every node, this one included; `node` not empty: that one alone, by its name or uid. Any loop; `then`
  /// once, on that loop.
  virtual void ask(std::string node, std::string body, std::chrono::milliseconds timeout, done then) = 0;
};

} // namespace plexus::admin
