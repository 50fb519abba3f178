#pragma once
// What the host of channel actors needs of the other nodes; implemented over the cluster where there is one.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::extension {

class network {
public:
  virtual ~network() = default;
  /// The nodes that live, this one included, by their uids.
  virtual void alive(std::function<void(std::optional<std::vector<std::string>>)> done) = 0;
  /// One question to one node. `done` once, on some loop; nothing: no answer within `timeout`.
  virtual void ask(const std::string& node, std::string body, std::chrono::milliseconds timeout,
                   std::function<void(std::optional<std::string>)> done) = 0;
};

} // namespace plexus::extension
