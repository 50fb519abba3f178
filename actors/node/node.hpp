#pragma once
// One running process: makes everything in the order of the modules, starts it, reloads it, drains it and takes it
// apart again.

#include "actors/node/service_manager.hpp"
#include "config/load.hpp"
#include "config/settings.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace plexus::node {

/// What the configuration says can't be: exit code 2.
struct bad_settings : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What is wrong with `backplane.url` beyond its scheme, without the password.
std::optional<config::fault> backplane_fault(const config::settings& settings, const config::origins& where);

/// What is wrong with the plugins and the namespaces' actors, as a sentence; empty: nothing. Loads the plugins.
std::string plugin_fault(const config::settings& settings);

/// Made, run and destroyed by `main`'s thread.
class node {
public:
  /// Binds its ports; throws std::runtime_error with a sentence when it can't, `bad_settings` when it never can.
  /// `given`: sockets that are there already, to listen on.
  explicit node(const config::settings& settings, const inherited_sockets& given = {});
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// 0 without an internal port.
  [[nodiscard]] std::uint16_t internal_port() const;
  [[nodiscard]] const std::string& name() const;
  /// Clients that it takes: `node.max_connections`, or what the open-file limit allows.
  [[nodiscard]] std::size_t max_clients() const;
  [[nodiscard]] unsigned loops() const;

  /// Called on a signal to read the configuration again; returns null when it is faulty (and has logged why).
  using reader = std::function<std::unique_ptr<config::settings>()>;

  /// What a successor is started with: a path, and arguments whose first is the name.
  struct command {
    std::string program;
    std::vector<std::string> words;
  };

  /// Serves until a signal has ended it: SIGTERM and SIGINT drain (a second one ends at once), SIGHUP reloads,
  /// SIGUSR2 starts `again`, hands the listening sockets over and drains. `ready` is called once clients are
  /// accepted. Returns when all is drained. Throws as the constructor does when the backplane can't be reached in
  /// time.
  void run(const std::function<void()>& ready, reader reload, const command& again);

  struct parts;

private:
  std::unique_ptr<parts> parts_;
};

} // namespace plexus::node
