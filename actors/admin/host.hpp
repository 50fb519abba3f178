#pragma once
// What inspection needs of the node it is part of: implemented in actors/node.

#include "actors/channel/router.hpp"
#include "actors/connection/directory.hpp"
#include "actors/extension/host.hpp"
#include "actors/runtime/metrics.hpp"
#include "transport/loop_transport.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace plexus::admin {

class host {
public:
  virtual ~host() = default;

  // Any thread.
  [[nodiscard]] virtual std::shared_ptr<const config::settings> settings() const = 0;
  [[nodiscard]] virtual std::shared_ptr<const connection::token_verifier> verifier() const = 0;
  struct condition {
    std::string state; ///< "serving", "drained" or "stopping"
    std::size_t clients = 0, max_clients = 0;
    std::chrono::milliseconds uptime{0};
    std::vector<std::string> obstacles;               ///< why it isn't ready; empty: it is
    std::chrono::milliseconds lease{0}, lease_age{0}; ///< in the backplane, and since its renewal; 0: it needs none
  };
  [[nodiscard]] virtual condition now() const = 0;
  /// Figures that are asked for and not counted.
  [[nodiscard]] virtual std::vector<runtime::metrics::sample> samples() const = 0;

  // Called on a loop; `done` is called once on that loop.
  /// A server of the backplane, as this node sees it.
  struct server {
    std::string address; ///< empty: of partitions without a connection
    unsigned partitions = 0;
    bool ready = true;
    std::string message; ///< why not
    std::chrono::milliseconds lease_age{0};
    std::size_t inbox = 0,
                pending = 0;      ///< batches that wait in this node's inbox there; steps that wait to be sent
    std::string memory, commands; ///< Redis' words: INFO memory, INFO commandstats; empty: none
  };
  /// Empty where the backplane is in this process. Who doesn't answer soon is in it without its words.
  virtual void servers(std::function<void(std::vector<server>)> done) { done({}); }
  /// Takes nobody new and sends everyone away, spread over `node.drain_timeout`; the node goes on running. `on`
  /// false: takes clients again, and those who are still there stay. `done` gets what stands against it, or
  /// nothing.
  virtual void drain(bool on, std::function<void(std::string)> done) = 0;
  struct reloaded {
    std::string fault; ///< empty: it was read
    std::vector<std::string> applied, needs_restart;
  };
  virtual void reload(std::function<void(reloaded)> done) = 0;
};

/// What a node is made of, as far as it is looked at. All outlive the loops' threads.
struct environment {
  runtime::runtime& loops;
  channel::channel_router& channels;
  connection::directory& clients;
  backplane::backplane& plane;
  std::vector<transport::loop_transport*> transports; ///< by loop
  host& node;
  std::string uid, name, version;
  extension::host* actors = nullptr; ///< of channel actors; null: there are none
};

} // namespace plexus::admin
