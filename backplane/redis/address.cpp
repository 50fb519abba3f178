#include "backplane/redis/address.hpp"

#include "backplane/redis/wire.hpp"

#include <optional>

namespace plexus::backplane::redis {

namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// %40 and the like: a password may hold any character.
std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
    out.push_back(static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])));
    i += 2;
  }
  return out;
}

/// What stands before `mark`, which goes too; `rest` keeps what follows.
std::string_view cut(std::string_view& rest, char mark) {
  const auto at = rest.find(mark);
  const auto out = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return out;
}

std::optional<endpoint> parse_endpoint(std::string_view text, std::uint16_t usual_port) {
  endpoint out{{}, usual_port};
  std::string_view port;
  if (text.substr(0, 1) == "[") { // IPv6
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, end - 1);
    auto rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
    port = rest.substr(rest.empty() ? 0 : 1);
  } else {
    out.host = cut(text, ':');
    port = text;
  }
  if (out.host.empty()) return std::nullopt;
  if (port.empty()) return out;
  const auto number = to_number(port);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  out.port = static_cast<std::uint16_t>(*number);
  return out;
}

std::optional<credentials> parse_login(std::string_view text) {
  auto rest = text;
  const auto user = unescaped(cut(rest, ':')), password = unescaped(rest);
  if (!user || !password) return std::nullopt;
  return credentials{*user, *password};
}

} // namespace

std::string to_string(const endpoint& e) {
  const bool v6 = e.host.find(':') != std::string::npos;
  return (v6 ? "[" + e.host + "]" : e.host) + ":" + std::to_string(e.port);
}

unsigned usual_partitions(const address& where) {
  return where.cluster ? 48 : 1;
}

std::variant<address, std::string> parse_address(std::string_view url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return "an address such as redis://host:6379/0 is expected";
  const auto scheme = url.substr(0, scheme_end);
  auto rest = url.substr(scheme_end + 3);
  address out;
  bool sentinel = false;
  if (scheme == "redis" || scheme == "rediss") {
    out.tls = scheme == "rediss";
  } else if (scheme == "redis+sentinel" || scheme == "rediss+sentinel") {
    out.tls = scheme == "rediss+sentinel";
    sentinel = true;
  } else if (scheme == "redis+cluster" || scheme == "rediss+cluster") {
    out.tls = scheme == "rediss+cluster";
    out.cluster = true;
  } else {
    return "redis, redis+sentinel and redis+cluster are served, and rediss... for TLS, not " + std::string(scheme);
  }
  auto query = rest;
  rest = cut(query, '?');
  // The last @: a password may have one, though it should be escaped.
  if (const auto at = rest.substr(0, rest.find('/')).rfind('@'); at != std::string_view::npos) {
    const auto login = parse_login(rest.substr(0, at));
    if (!login) return "the user or password has a bad %-escape";
    out.login = *login;
    rest.remove_prefix(at + 1);
  }
  auto hosts = cut(rest, '/');
  while (!hosts.empty()) {
    const auto one = parse_endpoint(cut(hosts, ','), sentinel ? 26379 : 6379);
    if (!one) return "host:port is expected";
    out.hosts.push_back(*one);
  }
  if (out.hosts.empty()) return "a host is missing";
  if (!sentinel && !out.cluster && out.hosts.size() > 1)
    return "one host is expected; several are for redis+sentinel:// and redis+cluster://";
  if (sentinel) {
    out.service = cut(rest, '/');
    if (out.service.empty()) return "the name of the service is missing: redis+sentinel://host:port/service";
  }
  if (!rest.empty()) {
    const auto db = to_number(rest);
    if (!db || *db > 1'000'000) return "the number of a database is expected after the last /";
    out.db = static_cast<unsigned>(*db);
    if (out.cluster && out.db != 0) return "a Cluster has database 0 only";
  }
  while (!query.empty()) {
    auto value = cut(query, '&');
    const auto name = cut(value, '=');
    const auto plain = unescaped(value);
    if (!plain) return "a bad %-escape";
    if (sentinel && name == "sentinel_password")
      out.sentinel_login.password = *plain;
    else if (sentinel && name == "sentinel_user")
      out.sentinel_login.user = *plain;
    else
      return "unknown: " + std::string(name);
  }
  return out;
}

} // namespace plexus::backplane::redis
