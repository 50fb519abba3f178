#pragma once
// What a link has that isn't a plain one of its own peer. Inside link*.cpp only.

#include "transport/front/proxy_header.hpp"
#include "transport/link.hpp"
#include "transport/tls/wire.hpp"

#include <memory>
#include <optional>

namespace plexus::transport {

struct link::front_state {
  std::unique_ptr<front::proxy_header> header; ///< while it is awaited
  std::unique_ptr<tls::wire> tls;
  std::optional<config::ip_address> passed_on; ///< as the PROXY header said
  std::optional<config::ip_address> named;     ///< as a request's headers said
  std::uint16_t port = 0;                      ///< of `passed_on`
  bool ended = false;                          ///< the peer sends no more, and nobody wanted to know yet
  bool counted = false;                        ///< as a connect of its address
  bool failed_counted = false;                 ///< its handshake, as one that didn't succeed
};

/// The values of the label of `metrics::tls_failures`.
constexpr std::size_t handshake_fault = 0, handshake_timeout = 1, handshake_gone = 2;

} // namespace plexus::transport
