#include "transport/fan_out_table.hpp"

#include "actors/runtime/trace.hpp"
#include "transport/fetch.hpp"
#include "transport/stream/framing.hpp"
#include "transport/transport_metrics.hpp"
#include "transport/websocket/frame.hpp"

#include <algorithm>

namespace plexus::transport {

using protocol::data_form;

namespace {
// A batch is handed over early at this size: a slow reader keeps what it has not read of it in memory.
constexpr std::size_t max_batch = 262'144;
// Where publications may be skipped, pieces are small: of one that is half-way out nothing can be dropped.
constexpr std::size_t max_skippable = 16'384;

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

/// To how many it goes, and for how many it is skipped.
void trace_emit(const protocol::broadcast& what, const channel_fan_out& c) {
  std::size_t to = 0, skipped = 0;
  for (auto& g : c.groups) {
    if (what.for_join_leave_only() && !g.form.kind.join_leave) continue;
    (what.is_publication() && g.form.behind ? skipped : to) += g.members.size();
  }
  auto& bytes = what.bytes(protocol::format::json);
  const auto kind = what.is_publication() ? "publication" : "join or leave";
  const auto people = [](std::size_t n) { return std::to_string(n) + (n == 1 ? " subscriber" : " subscribers"); };
  if (to > 0)
    runtime::trace::tell(
        {"out", kind, {}, {}, what.channel(), "to " + people(to), what.offset(), bytes.size(), bytes});
  if (skipped > 0)
    runtime::trace::tell(
        {"decision",
         "skipped",
         {},
         {},
         what.channel(),
         "for " + people(skipped) + " whose socket takes no more: they get the newest once it does",
         what.offset(),
         bytes.size(),
         bytes});
}

/// Appends what the group's members get of a broadcast; compressed once for all loops, unless they have a window of
/// their own and the message is longer than that.
void append_broadcast(fan_out_group& g, const protocol::broadcast& what, data_form how) {
  auto& form = g.form;
  const auto& bytes = what.bytes(form.format, how);
  if (form.deflate == 0 || bytes.size() < websocket::least_compressed) {
    append_framed(g.batch->bytes, form.framing, bytes);
    return;
  }
  std::string own;
  const bool shared = websocket::window_for(bytes.size(), form.deflate) == websocket::full_window;
  if (!shared && pack(own, bytes, form.deflate)) metrics::compressions.add(1, 0);
  const auto& packed = shared ? what.packed(form.format, pack_for_all, how) : own;
  if (packed.empty()) {
    append_framed(g.batch->bytes, form.framing, bytes);
    return;
  }
  ++g.compressed;
  g.saved += bytes.size() - packed.size();
  append_packed(g.batch->bytes, form.framing, packed);
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

void fan_out_table::add(fan_out_member& who, std::string_view channel, subscriber_kind kind) {
  auto at = channels_.find(channel);
  if (at == channels_.end()) {
    at = channels_.emplace(std::string(channel), std::make_unique<channel_fan_out>()).first;
    at->second->name = channel;
    at->second->id = ++last_id_;
  }
  auto& c = *at->second;
  c.latest = c.latest || kind.latest;
  auto& m = who.memberships.emplace_back(membership{&c, 0, 0});
  enter_group(m, who,
              group_for(c, {who.format, who.framing, who.deflate, kind, false, kind.latest && who.skipping}));
}

std::uint32_t fan_out_table::group_for(channel_fan_out& c, const fan_out_form& form) {
  auto fits = [&](auto& g) { return g.form == form; };
  auto group = std::find_if(c.groups.begin(), c.groups.end(), fits);
  if (group == c.groups.end()) {
    c.groups.emplace_back();
    group = std::prev(c.groups.end());
    group->form = form;
  }
  return static_cast<std::uint32_t>(group - c.groups.begin());
}

// What was emitted before is not for it.
void fan_out_table::enter_group(membership& m, fan_out_member& who, std::uint32_t group) {
  auto& g = m.channel->groups[group];
  m.group = group;
  m.index = static_cast<std::uint32_t>(g.members.size());
  auto taken = g.batch ? static_cast<std::uint32_t>(g.batch->bytes.size()) : 0;
  g.members.push_back({&who, taken, m.channel->count, g.batch ? g.messages : 0});
}

std::uint32_t fan_out_table::behind_by(const membership& m) noexcept {
  const auto& g = m.channel->groups[m.group];
  return g.form.behind ? m.channel->count - g.members[m.index].seen : 0;
}

void fan_out_table::leave_group(membership m) {
  auto& g = m.channel->groups[m.group];
  if (g.form.behind && g.members[m.index].seen != m.channel->count) --g.waiting;
  auto last = g.members.back();
  g.members.pop_back();
  if (m.index == g.members.size()) return;
  // The last one takes the free place and is told where it stands now.
  g.members[m.index] = last;
  for (auto& other : last.who->memberships)
    if (other.channel == m.channel) other.index = m.index;
}

void fan_out_table::hand_over(fan_out_group& g, fan_out_group::entry& own) {
  if (!g.batch) return;
  auto size = static_cast<std::uint32_t>(g.batch->bytes.size());
  if (own.taken < size) {
    g.batch->count();
    own.who->messages_out += g.messages - own.counted;
    metrics::messages_out.add(g.messages - own.counted);
    own.who->take({g.batch, own.taken, size}, false);
  }
  own.counted = g.messages;
  own.taken = size;
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
  leave_group(m);
  auto empty = [](auto& g) { return g.members.empty(); };
  if (std::all_of(m.channel->groups.begin(), m.channel->groups.end(), empty)) {
    std::erase(open_, m.channel);
    channels_.erase(m.channel->name);
  }
}

void fan_out_table::emit(const protocol::broadcast_ptr& what) {
  auto at = channels_.find(what->channel());
  if (at == channels_.end()) return;
  auto& c = *at->second;
  auto publication = what->is_publication();
  if (runtime::trace::on()) trace_emit(*what, c);
  if (publication && c.latest) {
    ++c.count;
    c.newest = what;
  }
  bool any = false, without_base = false;
  for (auto& g : c.groups) {
    auto& form = g.form;
    if (g.members.empty() || (what->for_join_leave_only() && !form.kind.join_leave)) continue;
    if (publication && form.behind) {
      metrics::skipped.add(std::exchange(g.waiting, g.members.size()));
      continue;
    }
    any = true;
    auto skippable = form.kind.latest && publication ? c.id : 0;
    // Joins and leaves are never skipped, and a delta must not outlive its base: each kind has pieces of its own.
    if (g.batch && g.batch->skippable != skippable) close_batch(g, false);
    if (!g.batch) {
      g.batch = new chunk;
      g.batch->skippable = skippable;
    }
    auto how = !form.kind.delta ? data_form::plain : form.has_base ? data_form::delta : data_form::whole;
    append_broadcast(g, *what, how);
    ++g.messages;
    without_base = without_base || (publication && how == data_form::whole);
    if (g.batch->bytes.size() >= (form.kind.latest ? max_skippable : max_batch)) close_batch(g, false);
  }
  if (without_base) begin_deltas(c);
  if (!any) return;
  accepted_.push_back(what->accepted());
  if (!c.open) {
    c.open = true;
    open_.push_back(&c);
  }
}

// They have had a publication whole: the next one may be a delta.
void fan_out_table::begin_deltas(channel_fan_out& c) {
  for (std::size_t i = 0; i < c.groups.size(); ++i) {
    auto form = c.groups[i].form;
    if (!form.kind.delta || form.has_base || form.behind || c.groups[i].members.empty()) continue;
    form.has_base = true;
    auto to = group_for(c, form); // may move the groups
    auto& from = c.groups[i];
    metrics::compressed_out.add(static_cast<std::uint64_t>(from.compressed) * from.members.size());
    metrics::compression_saved.add(from.saved * from.members.size());
    while (!from.members.empty()) {
      hand_over(from, from.members.back());
      auto& who = *from.members.back().who;
      for (auto& m : who.memberships)
        if (m.channel == &c) {
          leave_group(m);
          enter_group(m, who, to);
        }
    }
    from.batch.reset();
    from.messages = from.compressed = 0;
    from.saved = 0;
  }
}

void fan_out_table::put_behind(fan_out_member& who, std::span<const std::uint64_t> dropped) {
  who.skipping = true;
  for (auto& m : who.memberships) {
    auto form = m.channel->groups[m.group].form;
    if (!form.kind.latest) continue;
    if (!form.behind) {
      hand_over(m.channel->groups[m.group], m.channel->groups[m.group].members[m.index]);
      leave_group(m);
      form.behind = true;
      form.has_base = false;
      enter_group(m, who, group_for(*m.channel, form));
    }
    auto& g = m.channel->groups[m.group];
    auto& own = g.members[m.index];
    if (own.seen != m.channel->count || !m.channel->newest ||
        std::find(dropped.begin(), dropped.end(), m.channel->id) == dropped.end())
      continue;
    --own.seen;
    ++g.waiting;
  }
}

void fan_out_table::catch_up(fan_out_member& who) {
  who.skipping = false;
  for (auto& m : who.memberships) {
    auto form = m.channel->groups[m.group].form;
    if (!form.behind) continue;
    auto& own = m.channel->groups[m.group].members[m.index];
    hand_over(m.channel->groups[m.group], own);
    auto waits = own.seen != m.channel->count;
    leave_group(m);
    form.behind = false;
    if (waits) {
      auto how = form.kind.delta ? data_form::whole : data_form::plain;
      chunk_ptr newest{new chunk};
      append_framed(newest->bytes, who, m.channel->newest->bytes(form.format, how));
      newest->skippable = m.channel->id;
      newest->count();
      auto size = static_cast<std::uint32_t>(newest->bytes.size());
      ++who.messages_out;
      who.take({std::move(newest), 0, size}, false);
      metrics::messages_out.add();
    }
    form.has_base = form.kind.delta && waits;
    enter_group(m, who, group_for(*m.channel, form));
  }
}

void fan_out_table::cut(fan_out_member& who) {
  if (open_.empty()) return;
  for (auto& m : who.memberships) {
    auto& g = m.channel->groups[m.group];
    hand_over(g, g.members[m.index]);
  }
}

namespace {

// A write leaves little of the next members' memory in the caches. So it is fetched while the writes before it are
// made, step by step: an entry, then whom it means, then what writing looks at.
[[gnu::always_inline]] inline void fetch_ahead(const std::vector<fan_out_group::entry>& members, std::size_t i) {
  if (i + 6 < members.size()) fetch(&members[i + 6]);
  if (i + 2 < members.size()) fetch(members[i + 2].who);
  if (i + 1 < members.size()) fetch(members[i + 1].who->writes_with);
}

} // namespace

// A member of several channels gets what all of them have in one write, at the end of the turn.
void fan_out_table::close_batch(fan_out_group& g, bool only_channel) {
  g.batch->count();
  auto size = static_cast<std::uint32_t>(g.batch->bytes.size());
  std::uint64_t messages = 0; // who came in its midst has fewer
  for (std::size_t i = 0; i < g.members.size(); ++i) {
    fetch_ahead(g.members, i);
    auto& m = g.members[i];
    auto from = std::exchange(m.taken, 0);
    auto counted = std::exchange(m.counted, 0);
    if (from < size) {
      m.who->messages_out += g.messages - counted;
      messages += g.messages - counted;
      m.who->take({g.batch, from, size}, only_channel);
    }
  }
  metrics::messages_out.add(messages);
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
