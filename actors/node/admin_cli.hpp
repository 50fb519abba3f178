#pragma once
// `plexus admin` and `plexus top`: the admin WebSocket in a terminal. docs/admin.md has the requests.

#include "config/settings.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace plexus::node {

class admin_cli {
public:
  /// Reads the configuration from a file, the environment and assignments; nothing where it is faulty.
  using reader =
      std::function<std::optional<config::settings>(const std::string& file, const std::vector<std::string>& set)>;
  admin_cli(CLI::App& app, reader read);
  ~admin_cli();

  /// One of the two commands was given.
  [[nodiscard]] bool chosen() const;
  /// The exit code: 0, 1 where the node refuses or can't be reached, 2 for a faulty command line.
  int run();

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace plexus::node
