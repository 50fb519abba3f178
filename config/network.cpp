#include "config/network.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

namespace plexus::config {

namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned v4_prefix_bits = 96;

} // namespace

bool ip_address::v4() const noexcept {
  return std::equal(v4_prefix.begin(), v4_prefix.end(), bytes.begin());
}

ip_address from_v4(const std::uint8_t (&bytes)[4]) noexcept {
  ip_address out;
  std::copy(v4_prefix.begin(), v4_prefix.end(), out.bytes.begin());
  std::copy(std::begin(bytes), std::end(bytes), out.bytes.begin() + v4_prefix.size());
  return out;
}

std::optional<ip_address> parse_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string ended(text);
  if (ended.find('\0') != std::string::npos) return std::nullopt;
  ip_address out;
  if (::inet_pton(AF_INET6, ended.c_str(), out.bytes.data()) == 1) return out;
  std::uint8_t four[4];
  if (::inet_pton(AF_INET, ended.c_str(), four) == 1) return from_v4(four);
  return std::nullopt;
}

std::string to_string(const ip_address& what) {
  char text[INET6_ADDRSTRLEN] = {};
  if (what.v4())
    ::inet_ntop(AF_INET, what.bytes.data() + v4_prefix.size(), text, sizeof text);
  else
    ::inet_ntop(AF_INET6, what.bytes.data(), text, sizeof text);
  return text;
}

bool ip_network::contains(const ip_address& a) const noexcept {
  const auto whole = bits / 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + whole, first.bytes.begin())) return false;
  const auto rest = bits % 8;
  return rest == 0 || (a.bytes[whole] ^ first.bytes[whole]) >> (8 - rest) == 0;
}

std::optional<ip_network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  // A prefix counts in the form that was written: ::ffff:10.0.0.0/104 is an IPv6 one.
  const bool written_as_v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  ip_network out{*address, 128};
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const auto* end = digits.data() + digits.size();
    unsigned prefix = 0;
    const auto [rest, error] = std::from_chars(digits.data(), end, prefix);
    if (error != std::errc{} || rest != end || prefix > (written_as_v4 ? 32U : 128U)) return std::nullopt;
    out.bits = written_as_v4 ? prefix + v4_prefix_bits : prefix;
  }
  for (unsigned i = out.bits; i < 128; ++i)
    if (out.first.bytes[i / 8] & (0x80U >> i % 8)) return std::nullopt;
  return out;
}

bool contains(const std::vector<ip_network>& networks, const ip_address& a) noexcept {
  return std::ranges::any_of(networks, [&](const ip_network& n) { return n.contains(a); });
}

} // namespace plexus::config
