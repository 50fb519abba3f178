#pragma once
// Which path is answered by whom, on the public and on the internal port.

#include "transport/http/message.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::transport {

class socket_service;

/// Made once before the loops start, read by all of them.
class site {
public:
  enum class port { everywhere, internal_first, public_only };

  /// Answers for `prefix` itself and for what lies below it when it ends with '/'. `internal_first`: only on the
  /// internal port where there is one.
  void add(std::string prefix, port where, std::shared_ptr<http::handler> who);
  void set_internal(bool on) noexcept { has_internal_ = on; }
  /// Where clients come with WebSockets, on the public port alone; empty: at every path.
  void set_websocket(std::string path) { websocket_ = std::move(path); }
  [[nodiscard]] bool is_websocket(std::string_view path, bool internal) const noexcept {
    return !internal && (websocket_.empty() || path == websocket_);
  }

  /// WebSockets at exactly this path are the service's.
  void add_socket(std::string path, port where, std::shared_ptr<socket_service> who);
  /// Null: nobody's.
  [[nodiscard]] socket_service* find_socket(std::string_view path, bool internal) const noexcept;

  /// Null: nobody.
  [[nodiscard]] http::handler* find(std::string_view path, bool internal) const noexcept;

private:
  struct route {
    std::string prefix;
    port where;
    std::shared_ptr<http::handler> who;
  };
  struct socket_route {
    std::string path;
    port where;
    std::shared_ptr<socket_service> who;
  };
  [[nodiscard]] bool shown(port where, bool internal) const noexcept;
  std::vector<route> routes_;
  std::vector<socket_route> sockets_;
  std::string websocket_ = "/connection/websocket";
  bool has_internal_ = false;
};

} // namespace plexus::transport
