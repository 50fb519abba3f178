#include "transport/fan_out_table.hpp"

#include "transport/stream/framing.hpp"
#include "transport/transport_metrics.hpp"
#include "transport/websocket/frame.hpp"

#include <algorithm>

namespace plexus::transport {

namespace {
// A batch is handed over early at this size: a slow reader keeps what it has not read of it in memory.
constexpr std::size_t max_batch = 256 * 1024;

bool pack(std::string& out, std::string_view message, websocket::window_bits window) {
  return websocket::deflate_message(out, message, websocket::window_for(message.size(), window));
}

/// Of a broadcast, in the full window; empty where it isn't worth it.
std::string pack_for_all(std::string_view message) {
  std::string out;
  if (pack(out, message, websocket::full_window)) metrics::compressions.add(1, 0);
  return out;
}

/// Appends a compressed message with its framing.
void append_packed(std::string& out, framing how, std::string_view packed) {
  const auto kind = how == framing::websocket_binary ? websocket::opcode::binary : websocket::opcode::text;
  websocket::append_header(out, kind, packed.size(), true);
  out.append(packed);
}

/// Appends what the group's members get of a broadcast; compressed once for all loops, unless they have a window of
/// their own and the message is longer than that.
void append_broadcast(fan_out_group& g, const protocol::broadcast& what) {
  const auto& bytes = what.bytes(g.format);
  if (g.deflate == 0 || bytes.size() < websocket::least_compressed) {
    append_framed(g.batch->bytes, g.framing, bytes);
    return;
  }
  std::string own;
  const bool shared = websocket::window_for(bytes.size(), g.deflate) == websocket::full_window;
  if (!shared && pack(own, bytes, g.deflate)) metrics::compressions.add(1, 0);
  const auto& packed = shared ? what.packed(g.format, pack_for_all) : own;
  if (packed.empty()) {
    append_framed(g.batch->bytes, g.framing, bytes);
    return;
  }
  ++g.compressed;
  g.saved += bytes.size() - packed.size();
  append_packed(g.batch->bytes, g.framing, packed);
}
} // namespace

void append_framed(std::string& out, framing how, std::string_view message) {
  switch (how) {
  case framing::websocket_text:
    websocket::append_header(out, websocket::opcode::text, message.size());
    out.append(message);
    break;
  case framing::websocket_binary:
    websocket::append_header(out, websocket::opcode::binary, message.size());
    out.append(message);
    break;
  default:
    stream::append_message(out, how, message);
  }
}

void append_framed(std::string& out, const fan_out_member& who, std::string_view message) {
  std::string packed;
  if (who.deflate == 0 || !pack(packed, message, who.deflate)) {
    append_framed(out, who.framing, message);
    return;
  }
  metrics::compressions.add(1, 1);
  metrics::compressed_out.add();
  metrics::compression_saved.add(message.size() - packed.size());
  append_packed(out, who.framing, packed);
}

void fan_out_table::add(fan_out_member& who, std::string_view channel, bool join_leave) {
  auto at = channels_.find(channel);
  if (at == channels_.end()) {
    at = channels_.emplace(std::string(channel), std::make_unique<channel_fan_out>()).first;
    at->second->name = channel;
  }
  auto& c = *at->second;
  auto fits = [&](auto& g) {
    return g.format == who.format && g.framing == who.framing && g.deflate == who.deflate &&
           g.join_leave == join_leave;
  };
  auto group = std::find_if(c.groups.begin(), c.groups.end(), fits);
  if (group == c.groups.end()) {
    auto& made = c.groups.emplace_back();
    made.format = who.format;
    made.framing = who.framing;
    made.deflate = who.deflate;
    made.join_leave = join_leave;
    group = std::prev(c.groups.end());
  }
  auto taken = group->batch ? static_cast<std::uint32_t>(group->batch->bytes.size()) : 0;
  who.memberships.push_back({&c, static_cast<std::uint32_t>(group - c.groups.begin()),
                             static_cast<std::uint32_t>(group->members.size())});
  group->members.push_back({&who, taken});
}

bool fan_out_table::remove(fan_out_member& who, std::string_view channel) {
  for (std::size_t i = 0; i < who.memberships.size(); ++i)
    if (who.memberships[i].channel->name == channel) {
      cut(who);
      remove_at(who, i);
      return true;
    }
  return false;
}

void fan_out_table::remove_all(fan_out_member& who) {
  while (!who.memberships.empty()) remove_at(who, who.memberships.size() - 1);
  who.memberships.shrink_to_fit();
}

void fan_out_table::remove_at(fan_out_member& who, std::size_t which) {
  auto m = who.memberships[which];
  who.memberships.erase(who.memberships.begin() + static_cast<std::ptrdiff_t>(which));
  auto& members = m.channel->groups[m.group].members;
  auto last = members.back();
  members.pop_back();
  if (m.index < members.size()) {
    // The last one takes the free place and is told where it stands now.
    members[m.index] = last;
    for (auto& other : last.who->memberships)
      if (other.channel == m.channel) other.index = m.index;
  }
  auto empty = [](auto& g) { return g.members.empty(); };
  if (std::all_of(m.channel->groups.begin(), m.channel->groups.end(), empty)) {
    std::erase(open_, m.channel);
    channels_.erase(m.channel->name);
  }
}

void fan_out_table::emit(const protocol::broadcast& what) {
  auto at = channels_.find(what.channel());
  if (at == channels_.end()) return;
  auto& c = *at->second;
  bool any = false;
  for (auto& g : c.groups) {
    if (g.members.empty() || (what.for_join_leave_only() && !g.join_leave)) continue;
    any = true;
    if (!g.batch) g.batch = new chunk;
    append_broadcast(g, what);
    ++g.messages;
    if (g.batch->bytes.size() >= max_batch) close_batch(g, false);
  }
  if (!any) return;
  accepted_.push_back(what.accepted());
  if (!c.open) {
    c.open = true;
    open_.push_back(&c);
  }
}

void fan_out_table::cut(fan_out_member& who) {
  if (open_.empty()) return;
  for (auto& m : who.memberships) {
    auto& g = m.channel->groups[m.group];
    if (!g.batch) continue;
    auto& own = g.members[m.index];
    auto size = static_cast<std::uint32_t>(g.batch->bytes.size());
    if (own.taken < size) who.take({g.batch, own.taken, size}, false);
    own.taken = size;
  }
}

// A member of several channels gets what all of them have in one write, at the end of the turn.
void fan_out_table::close_batch(fan_out_group& g, bool only_channel) {
  auto size = static_cast<std::uint32_t>(g.batch->bytes.size());
  for (auto& m : g.members) {
    auto from = std::exchange(m.taken, 0);
    if (from < size) m.who->take({g.batch, from, size}, only_channel);
  }
  metrics::messages_out.add(static_cast<std::uint64_t>(g.messages) * g.members.size());
  if (g.compressed > 0) {
    metrics::compressed_out.add(static_cast<std::uint64_t>(g.compressed) * g.members.size());
    metrics::compression_saved.add(g.saved * g.members.size());
  }
  g.messages = g.compressed = 0;
  g.saved = 0;
  g.batch.reset();
}

bool fan_out_table::close_batches() {
  auto open = std::exchange(open_, {});
  for (auto* c : open) {
    c->open = false;
    for (auto& g : c->groups)
      if (g.batch) close_batch(g, open.size() == 1);
  }
  return !open.empty();
}

std::vector<fan_out_member*> fan_out_table::members_of(std::string_view channel) const {
  std::vector<fan_out_member*> out;
  if (auto at = channels_.find(channel); at != channels_.end())
    for (auto& g : at->second->groups)
      for (auto& m : g.members) out.push_back(m.who);
  return out;
}

} // namespace plexus::transport
