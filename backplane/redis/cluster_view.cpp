#include "backplane/redis/cluster_view.hpp"

#include "backplane/redis/slots.hpp"
#include "backplane/redis/wire.hpp"

#include <algorithm>

namespace plexus::backplane::redis {

namespace {

std::string_view word(std::string_view& rest, char mark = ' ') {
  const auto at = rest.find(mark);
  const auto out = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return out;
}

/// "host:port" with the port behind the last colon, since IPv6 addresses have some and no brackets here.
std::optional<endpoint> host_port(std::string_view text) {
  const auto at = text.rfind(':');
  if (at == std::string_view::npos) return std::nullopt;
  const auto port = to_number(text.substr(at + 1));
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  return endpoint{std::string(text.substr(0, at)), static_cast<std::uint16_t>(*port)};
}

bool has(std::string_view flags, std::string_view flag) {
  while (!flags.empty())
    if (word(flags, ',') == flag) return true;
  return false;
}

bool same_place(const cluster_server& s, const endpoint& e) {
  return s.where.port == e.port && (s.where.host == e.host || s.ip == e.host);
}

} // namespace

// <id> <ip:port@bus[,name]> <flags> <primary> <ping> <pong> <epoch> <link> <slot> <slot-slot> <[slot->-id]> ...
std::vector<cluster_server> parse_servers(std::string_view text, const endpoint& asked) {
  std::vector<cluster_server> out;
  while (!text.empty()) {
    auto line = word(text, '\n');
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    word(line);
    auto address = word(line);
    const auto flags = word(line);
    word(line), word(line), word(line);
    const auto epoch = to_number(word(line));
    word(line);
    auto place = word(address, ',');
    auto name = word(address, ',');
    if (name.find('=') != std::string_view::npos) name = {};
    const auto where = host_port(word(place, '@'));
    if (!where || !epoch || has(flags, "noaddr") || has(flags, "handshake")) continue;
    cluster_server s{*where, {}, has(flags, "master"), has(flags, "fail"), *epoch, {}};
    if (s.where.host.empty()) s.where.host = asked.host;
    if (!name.empty()) s.ip = std::exchange(s.where.host, std::string(name));
    while (!line.empty()) {
      auto range = word(line);
      if (range.empty() || range.front() == '[') continue; // one that is being moved
      const auto from = to_number(word(range, '-'));
      const auto to = range.empty() ? from : to_number(range);
      if (!from || !to || *from > *to || *to >= slot_count) continue;
      s.slots.emplace_back(static_cast<std::uint16_t>(*from), static_cast<std::uint16_t>(*to));
    }
    out.push_back(std::move(s));
  }
  return out;
}

cluster_view::cluster_view(std::vector<endpoint> seeds, const std::vector<std::uint16_t>& slots) :
    seeds_(std::move(seeds)) {
  for (const auto each : slots) slots_[each];
}

bool cluster_view::take(std::vector<cluster_server> servers, milliseconds now) {
  const bool works = std::any_of(servers.begin(), servers.end(), [](const auto& s) { return !s.slots.empty(); });
  if (!works) return false;
  for (auto& [slot, known] : slots_) {
    for (const auto& s : servers) {
      const bool has_it = s.primary && std::any_of(s.slots.begin(), s.slots.end(), [slot = slot](const auto& r) {
                            return r.first <= slot && slot <= r.second;
                          });
      if (!has_it) continue;
      const bool same = s.where == known.where;
      const bool later = s.epoch > known.epoch || known.where.host.empty();
      const bool forgotten = now - known.confirmed >= forgotten_after;
      if (later || forgotten || (same && s.epoch == known.epoch)) known = {s.where, s.epoch, now};
      break;
    }
  }
  servers_ = std::move(servers);
  // Who was away or followed another for a while is met again.
  std::erase_if(marks_, [this](const auto& m) {
    return std::none_of(servers_.begin(), servers_.end(),
                        [&](const auto& s) { return s.primary && !s.failed && to_string(s.where) == m.first; });
  });
  return true;
}

void cluster_view::moved(std::string_view error, const endpoint& by, milliseconds now) {
  if (redirection_of(error) != redirection::moved) return;
  word(error);
  const auto slot = to_number(word(error));
  auto where = host_port(word(error));
  if (!slot || !where || *slot >= slot_count) return;
  if (where->host.empty() || where->host == "?") where->host = by.host;
  for (const auto& s : servers_)
    if (same_place(s, *where)) where = s.where;
  const auto found = slots_.find(static_cast<std::uint16_t>(*slot));
  // Its epoch will be told by a view; until then it counts as much as what it replaces.
  if (found != slots_.end()) found->second = {*where, found->second.epoch, now};
}

std::optional<cluster_view::place> cluster_view::owner(std::uint16_t slot) const {
  const auto found = slots_.find(slot);
  if (found == slots_.end() || found->second.where.host.empty()) return std::nullopt;
  place out{found->second.where};
  for (const auto& s : servers_)
    if (s.where == out.where) out.failed = s.failed;
  return out;
}

std::vector<endpoint> cluster_view::ask_order() const {
  std::vector<endpoint> out;
  const auto add = [&](const endpoint& e) {
    if (std::find(out.begin(), out.end(), e) == out.end()) out.push_back(e);
  };
  for (const auto& s : servers_)
    if (s.primary && !s.failed) add(s.where);
  for (const auto& e : seeds_) {
    const auto known =
        std::find_if(servers_.begin(), servers_.end(), [&](const auto& s) { return same_place(s, e); });
    if (known == servers_.end()) add(e);
  }
  for (const auto& s : servers_)
    if (!s.failed) add(s.where);
  return out.empty() ? seeds_ : out;
}

void cluster_view::met(const endpoint& where, std::string_view mark, milliseconds now) {
  auto& known = marks_[to_string(where)];
  if (known.mark == mark) return;
  known = {std::string(mark), now};
}

std::string cluster_view::mark(const endpoint& where, milliseconds before) const {
  const auto found = marks_.find(to_string(where));
  if (found == marks_.end() || found->second.since >= before) return {};
  return found->second.mark;
}

std::optional<endpoint> cluster_view::stranger() const {
  for (const auto& s : servers_)
    if (s.primary && !s.failed && !marks_.contains(to_string(s.where))) return s.where;
  return std::nullopt;
}

std::size_t cluster_view::primaries() const {
  return static_cast<std::size_t>(
      std::count_if(servers_.begin(), servers_.end(), [](const auto& s) { return s.primary && !s.slots.empty(); }));
}

} // namespace plexus::backplane::redis
