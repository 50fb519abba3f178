#include "transport/front/forwarded.hpp"

#include <algorithm>
#include <string_view>

namespace plexus::transport::front {

namespace {

std::string_view trimmed(std::string_view text) {
  auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Some proxies add the port: "192.0.2.1:1234", "[2001:db8::1]:1234".
std::optional<config::ip_address> parse_entry(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('[')) {
    auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    auto rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
    return config::parse_address(text.substr(1, end - 1));
  }
  if (std::count(text.begin(), text.end(), ':') == 1) text = text.substr(0, text.find(':'));
  return config::parse_address(text);
}

} // namespace

config::ip_address client_of(const header_list& headers, const config::ip_address& peer,
                             const std::vector<config::ip_network>& trusted) {
  auto client = peer;
  for (auto h = headers.rbegin(); h != headers.rend(); ++h) {
    if (h->first != "x-forwarded-for") continue;
    std::string_view list = h->second;
    for (;;) {
      if (!config::contains(trusted, client)) return client;
      auto comma = list.rfind(',');
      auto entry = parse_entry(comma == std::string_view::npos ? list : list.substr(comma + 1));
      if (!entry) return client;
      client = *entry;
      if (comma == std::string_view::npos) break;
      list = list.substr(0, comma);
    }
  }
  return client;
}

} // namespace plexus::transport::front
