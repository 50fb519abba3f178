#pragma once
// The PROXY protocol's header, versions 1 and 2, by which a load balancer says whose connection it passes on. Pure:
// bytes in, an address out.

#include "config/network.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace plexus::transport::front {

/// One a connection whose first bytes must be such a header. Takes them however they are cut.
class proxy_header {
public:
  enum class state {
    more,  ///< the header isn't whole yet
    done,  ///< it is; `address` says whose connection this is
    wrong, ///< this is no such header, or longer than `max_size`
  };

  /// At most 107 bytes in version 1; in version 2 what follows the addresses (TLVs) is skipped up to here.
  static constexpr std::size_t max_size = 4096;

  /// Takes the header's bytes off the begin of `bytes`; with `done`, what is left of them belongs to the client.
  state feed(std::span<char>& bytes);

  /// Whose connection it is. None: the proxy's own (a health check: version 2's LOCAL), or of a kind without
  /// addresses (version 1's UNKNOWN, version 2's UNSPEC and AF_UNIX).
  [[nodiscard]] const std::optional<config::ip_address>& address() const noexcept { return address_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

private:
  /// How many bytes are needed to go on; 0: the header is whole or wrong, see `state_`.
  void look();
  void look_at_text();
  void look_at_binary();

  std::string held_; ///< of the header so far
  std::optional<config::ip_address> address_;
  std::uint16_t port_ = 0;
  state state_ = state::more;
};

} // namespace plexus::transport::front
