#pragma once
// JSON Web Tokens: who a client is and what it may do. How they are read and signed is in token.cpp alone.

#include "config/settings.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plexus::connection {

/// Rights of the `can` claim: channel globs (`chat:*`).
struct rights {
  std::vector<std::string> subscribe, publish, presence, history;
  friend bool operator==(const rights&, const rights&) = default;
};

/// A subscription that the token brings along.
struct token_sub {
  std::string channel;
  std::string info; ///< JSON text on one line or empty: the member's `chan_info`
  std::string data; ///< JSON text on one line or empty: for the subscribe reply
};

struct claims {
  std::string user;                       ///< `sub`; empty: a user without a name
  std::string info;                       ///< JSON text on one line or empty
  std::string id;                         ///< `jti`
  std::string client;                     ///< subscription tokens may be bound to a client id
  std::string channel;                    ///< subscription tokens
  std::optional<std::int64_t> expires_at; ///< Unix seconds; at most the end of the year 9999
  std::optional<std::int64_t> issued_at;
  std::vector<token_sub> subs; ///< from `channels` and `subs`; `subs` wins
  rights can;
};

enum class token_fault : std::uint8_t {
  invalid, ///< not a token, unknown algorithm, bad signature, claim of the wrong type, not yet valid, other
           ///< audience
  expired, ///< good but for its time
};

/// In insecure mode a token is checked but doesn't run out.
enum class expiry : std::uint8_t { minded, ignored };

/// Verifies tokens against one configuration; immutable, any thread. Never throws: whatever is wrong with a token
/// is a `token_fault`. Only the algorithms that the configured keys are for are accepted, `none` never. An empty
/// secret is no key.
class token_verifier {
public:
  explicit token_verifier(const config::token_section& keys);

  /// `now`: Unix seconds. A token whose `exp` is `now` or before has expired.
  [[nodiscard]] std::variant<claims, token_fault> verify(std::string_view token, std::int64_t now,
                                                         expiry minded = expiry::minded) const;

  /// False where no key is configured: then no token can be good.
  [[nodiscard]] bool has_keys() const noexcept { return !keys_.hmac_secrets.empty(); }

private:
  config::token_section keys_;
};

/// What `plexus token` prints: an HS256 token signed with the first secret. `can` is JSON text or empty.
/// Throws std::invalid_argument with a sentence when `can` isn't an object of rights, no secret is configured or a
/// text isn't UTF-8.
std::string mint_token(const config::token_section& keys, std::string_view user, std::string_view channel,
                       std::chrono::seconds lifetime, std::string_view can, std::int64_t now);

/// True when the glob `pattern` (`*` for any run of bytes, `?` for one byte) matches all of `text`; at most the
/// product of both lengths in steps.
bool glob_match(std::string_view pattern, std::string_view text) noexcept;

} // namespace plexus::connection
