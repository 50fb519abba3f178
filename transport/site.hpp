#pragma once
// Which path is answered by whom, on the public and on the internal port.

#include "transport/http/message.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::transport {

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

  /// Null: nobody.
  [[nodiscard]] http::handler* find(std::string_view path, bool internal) const noexcept;

private:
  struct route {
    std::string prefix;
    port where;
    std::shared_ptr<http::handler> who;
  };
  std::vector<route> routes_;
  std::string websocket_ = "/connection/websocket";
  bool has_internal_ = false;
};

} // namespace plexus::transport
