#pragma once
// Clients that speak Protobuf, in a room of their own: they come, publish, lose their connection and recover.

#include "tests/instructions/stage.hpp"

#include <string>
#include <vector>

namespace instruction_scenario {

class binary_scenario {
public:
  binary_scenario();
  void run();
  /// Whether all of it was done; throws std::runtime_error.
  void judge() const;

private:
  void ask(session* who, const std::string& command);
  void come(std::size_t user, bool again);

  stage node_;
  std::vector<std::string> tokens_;
  std::vector<session*> sessions_;
  std::string epoch_; ///< of log:room
};

} // namespace instruction_scenario
