#pragma once
// What the public port does with a connection before it is anybody's: whose it is, whether it may come, TLS.

#include "config/network.hpp"
#include "config/settings.hpp"
#include "transport/tls/context.hpp"

#include <memory>
#include <vector>

namespace plexus::transport::front {

/// Made from the settings at the start and at each reload, the same for all loops; connections that are there keep
/// what they began with.
struct rules {
  std::vector<config::ip_network> trusted; ///< proxies that are believed
  bool proxy_protocol = false;             ///< they begin with a PROXY header
  double connects_per_second = 0;          ///< of one address; 0: no limit
  tls::context_ptr tls;                    ///< null: the port speaks plain text

  [[nodiscard]] bool trusts(const config::ip_address& a) const noexcept { return config::contains(trusted, a); }
};

using rules_ptr = std::shared_ptr<const rules>;

inline rules_ptr make_rules(const config::listen_section& from, tls::context_ptr tls) {
  auto out = std::make_shared<rules>();
  for (auto& text : from.trusted_proxies)
    if (auto network = config::parse_network(text)) out->trusted.push_back(*network);
  out->proxy_protocol = from.proxy_protocol;
  out->connects_per_second = from.connects_per_second_per_address;
  out->tls = std::move(tls);
  return out;
}

} // namespace plexus::transport::front
