#pragma once
// Who is refused although the token is good: blocked users, revoked tokens, users whose older tokens don't hold any
// more. They come from the API, are kept in the backplane as notices, and every loop has them all at hand.

#include "backplane/backplane.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace plexus::connection {

class client_list;

/// What a notice says; its key is made of this and the name.
enum class denial_kind : char {
  block = 'b',      ///< a user: may not connect
  revoke = 'r',     ///< a token's `jti`: isn't good
  invalidate = 'i', ///< a user: tokens issued before `value` (Unix milliseconds) aren't good
};

/// The notice's key. Long names are hashed, so that each takes little room wherever it is kept.
std::string denial_key(denial_kind what, std::string_view name);

enum class denial : std::uint8_t { none, blocked, revoked };

/// Whose token it is, for `denials`.
struct token_facts {
  std::string_view user, id;                  ///< empty: none
  std::optional<std::int64_t> issued_at = {}; ///< Unix seconds; none counts as long ago
};

/// What one loop knows; its thread only. Looking up costs nothing while there are none.
class denials {
public:
  using notice = backplane::notice;
  using milliseconds = std::chrono::milliseconds;

  /// Takes over what a notice says now and tells the loop's clients that it may be about to look again.
  void apply(const notice& now, client_list& clients);
  /// Takes over the whole set; all clients look again.
  void replace(const std::vector<notice>& all, client_list& clients);

  /// `now`: Unix seconds. A user's tokens are compared in whole seconds, as `iat` is: one issued in the second of
  /// the call still holds. `in_use` is for connections that were there before the call: their tokens are older
  /// whatever the second.
  [[nodiscard]] denial judge(const token_facts& token, std::int64_t now, bool in_use = false) const;

  /// Drops what is over; about once a second.
  void expire(milliseconds now);
  [[nodiscard]] std::size_t size() const noexcept { return held_.size(); }
  /// By key, for those who look.
  [[nodiscard]] const std::unordered_map<std::string, notice>& all() const noexcept { return held_; }

private:
  [[nodiscard]] const notice* find(denial_kind what, std::string_view name, milliseconds now) const;
  void drop(const std::string& key);

  std::unordered_map<std::string, notice> held_;
  std::set<std::pair<milliseconds, std::string_view>> due_; ///< by their end; the keys of `held_`
};

} // namespace plexus::connection
