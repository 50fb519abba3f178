#pragma once
// IP addresses and networks, as far as settings and the checks on connections need them. IPv4 is kept in its IPv6
// form
// (::ffff:a.b.c.d), so that a listener for both kinds sees one and the same client.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::config {

struct ip_address {
  std::array<std::uint8_t, 16> bytes{};
  [[nodiscard]] bool v4() const noexcept;
  friend bool operator==(const ip_address&, const ip_address&) = default;
};

/// "192.0.2.1" or "2001:db8::1", nothing around it; nothing for any other text, zones ("fe80::1%eth0") included.
std::optional<ip_address> parse_address(std::string_view text);
/// As it is usually written; IPv4 without its prefix.
std::string to_string(const ip_address& what);
ip_address from_v4(const std::uint8_t (&bytes)[4]) noexcept;

struct ip_network {
  ip_address first;
  unsigned bits = 128; ///< of `first` that count, in the IPv6 form
  [[nodiscard]] bool contains(const ip_address& a) const noexcept;
};

/// "10.0.0.0/8", "2001:db8::/32", or a single address. Nothing where bits behind the prefix are set: such a text
/// may mean the one address or the whole network.
std::optional<ip_network> parse_network(std::string_view text);

[[nodiscard]] bool contains(const std::vector<ip_network>& networks, const ip_address& a) noexcept;

} // namespace plexus::config
