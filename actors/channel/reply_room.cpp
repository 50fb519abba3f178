#include "actors/channel/reply_room.hpp"

#include "actors/runtime/metrics.hpp"

namespace plexus::channel {

namespace {
const runtime::metrics::counter bounded{"plexus_replies_bounded_total",
                                        "Replies cut or refused: more was on its way than client.max_reply_size.",
                                        "reply",
                                        {"recovery", "history", "other"}};
} // namespace

bool reply_room::take(std::size_t bytes, share& out) {
  if (bytes <= small) return true;
  auto used = used_.load();
  do {
    const auto most = most_.load();
    if (bytes > most || used > most - bytes) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes));
  out = share(this, [room = shared_from_this(), bytes](const void*) { room->used_ -= bytes; });
  return true;
}

bool reply_room::claim(std::size_t bytes, large_reply what, share& out) {
  if (take(bytes, out)) return true;
  bounded.add(1, static_cast<std::size_t>(what));
  return false;
}

bool reply_room::claim_page(std::vector<protocol::publication_ptr>& page, share& out) {
  for (;;) {
    const auto most = most_.load(), used = used_.load();
    const auto left = most > used ? most - used : 0;
    std::size_t bytes = 0, count = 0;
    for (auto& p : page) {
      const auto more = bytes + size_in_reply(*p);
      if (more > left && more > small) break;
      bytes = more;
      ++count;
    }
    if (count < page.size()) bounded.add(1, static_cast<std::size_t>(large_reply::history));
    if (count == 0 && !page.empty()) return false;
    page.resize(count);
    if (take(bytes, out)) return true; // else another loop took of it meanwhile
  }
}

bool claim_recovery(reply_room* from, const std::vector<protocol::publication_ptr>& missed,
                    const std::vector<protocol::publication_ptr>& meanwhile, reply_room::share& out) {
  if (!from) return true;
  std::size_t bytes = 0;
  for (auto& p : missed) bytes += size_in_reply(*p);
  for (auto& p : meanwhile) bytes += size_in_reply(*p);
  return from->claim(bytes, large_reply::recovery, out);
}

std::size_t size_in_reply(const protocol::publication& p) noexcept {
  constexpr std::size_t around = 48; // offset, names and brackets
  auto bytes = p.data.size() + around;
  if (p.binary) bytes += p.data.size() / 3;
  if (p.info) bytes += 64 + p.info->user.size() + p.info->conn_info.size() + p.info->channel_info.size();
  for (const auto& [name, value] : p.tags) bytes += name.size() + value.size() + 6;
  return bytes;
}

} // namespace plexus::channel
