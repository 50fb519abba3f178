#include "actors/connection/denials.hpp"

#include "actors/connection/client.hpp"
#include "actors/connection/directory.hpp"

#include <caf/send.hpp>
#include <openssl/sha.h>

#include <array>

namespace plexus::connection {

namespace {

constexpr std::size_t longest_plain = 64;
constexpr std::size_t expired_at_once = 1000; // about 0.1 ms

void look_again(const client& who, bool all_older) {
  if (auto self = who.self()) caf::anon_send(self, recheck{all_older});
}

} // namespace

std::string denial_key(denial_kind what, std::string_view name) {
  std::string out{static_cast<char>(what), ':'};
  if (name.size() <= longest_plain) return out.append(name);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest.data());
  out += "sha256:"; // with this no plain name is as long
  for (const auto byte : digest) {
    out.push_back("0123456789abcdef"[byte >> 4U]);
    out.push_back("0123456789abcdef"[byte & 15U]);
  }
  return out;
}

void denials::drop(const std::string& key) {
  const auto at = held_.find(key);
  if (at == held_.end()) return;
  due_.erase({at->second.until, at->first});
  held_.erase(at);
}

void denials::apply(const notice& now, client_list& clients) {
  const auto before = held_.find(now.key);
  const auto old_value = before == held_.end() ? -1 : before->second.value;
  const auto old_end = before == held_.end() ? milliseconds{0} : before->second.until;
  drop(now.key);
  if (now.until <= milliseconds{0}) return;
  const auto at = held_.emplace(now.key, now).first;
  due_.emplace(now.until, at->first);
  const auto what = static_cast<denial_kind>(now.key.front());
  // The one before may have run out already: who came since is looked at again. Not for an invalidation that only
  // lasts longer; it would end connections of newer tokens.
  const auto longer = what != denial_kind::invalidate && now.until > old_end;
  if (now.value <= old_value && !longer) return;

  // Long names are known by their hash alone: then all are asked.
  const auto name = std::string_view(now.key).substr(2);
  if (name.size() > longest_plain)
    clients.each([](const client& c) { look_again(c, false); });
  else if (what == denial_kind::revoke)
    clients.each_holding(name, [](const client& c) { look_again(c, false); });
  else
    clients.each_of(name, [what](const client& c) { look_again(c, what == denial_kind::invalidate); });
}

void denials::replace(const std::vector<notice>& all, client_list& clients) {
  due_.clear();
  held_.clear();
  for (const auto& each : all) {
    const auto at = held_.emplace(each.key, each).first;
    due_.emplace(each.until, at->first);
  }
  if (!held_.empty()) clients.each([](const client& c) { look_again(c, false); });
}

const denials::notice* denials::find(denial_kind what, std::string_view name, milliseconds now) const {
  if (name.empty()) return nullptr;
  const auto at = held_.find(denial_key(what, name));
  return at == held_.end() || at->second.until <= now ? nullptr : &at->second;
}

denial denials::judge(const token_facts& token, std::int64_t now, bool in_use) const {
  if (held_.empty()) return denial::none;
  const std::chrono::seconds at{now};
  if (find(denial_kind::block, token.user, at) != nullptr) return denial::blocked;
  if (find(denial_kind::revoke, token.id, at) != nullptr) return denial::revoked;
  if (const auto* older = find(denial_kind::invalidate, token.user, at)) {
    if (!token.issued_at) return denial::revoked;
    // `in_use` counts the started second too.
    const auto before = in_use ? (older->value + 999) / 1000 : older->value / 1000;
    if (*token.issued_at < before) return denial::revoked;
  }
  return denial::none;
}

void denials::expire(milliseconds now) {
  for (auto left = expired_at_once; left > 0 && !due_.empty() && due_.begin()->first <= now; --left)
    drop(std::string(due_.begin()->second));
}

} // namespace plexus::connection
