#pragma once
// JSON Web Tokens: who a client is and what it may do. How they are read and signed is in token.cpp alone,
// what they say in token_claims.cpp.

#include "actors/connection/public_key.hpp"
#include "config/load.hpp"
#include "config/settings.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
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
  std::string admin; ///< "read" or "write": what its holder may do over the admin WebSocket; empty: nothing
};

enum class token_fault : std::uint8_t {
  invalid,   ///< not a token, unknown algorithm, bad signature, claim of the wrong type, not yet valid, other
             ///< audience
  expired,   ///< good but for its time
  undecided, ///< its key may be in the key set that is being fetched: try again
};

/// In insecure mode a token is checked but doesn't run out.
enum class expiry : std::uint8_t { minded, ignored };

class jwks_board;

/// Verifies tokens against one configuration; immutable, any thread. Never throws: whatever is wrong with a token
/// is a `token_fault`. HS256 to HS512 go by the secrets alone, the other algorithms by the public keys that are of
/// their kind, those configured and those of the key set; `none` never. An empty secret is no key.
class token_verifier {
public:
  /// Reads the public keys; one that can't be used is logged and left out (`unusable_keys` tells before).
  /// `key_set`: of `jwks_url`, null without one.
  explicit token_verifier(const config::token_section& keys, std::shared_ptr<jwks_board> key_set = {});
  ~token_verifier();

  /// `now`: Unix seconds. A token whose `exp` is `now` or before has expired.
  [[nodiscard]] std::variant<claims, token_fault> verify(std::string_view token, std::int64_t now,
                                                         expiry minded = expiry::minded) const;

  /// False where no key is configured: then no token can be good.
  [[nodiscard]] bool has_keys() const noexcept;

private:
  /// The payload of a token with a good signature.
  [[nodiscard]] std::variant<std::string, token_fault> open(std::string_view token) const;

  config::token_section keys_;
  std::vector<public_key> public_keys_;
  std::shared_ptr<jwks_board> key_set_;
};

/// What of the configured keys can't be used, in the order of the keys: unreadable files, keys of other kinds,
/// private keys, public keys among the secrets. Reads files.
std::vector<config::fault> unusable_keys(const config::token_section& keys, const config::origins& where = {});

/// One entry of `public_key`: PEM text, or the path of a file with it, relative to the working directory.
key_list read_public_keys(const std::string& entry);

/// False for an empty text and for a key in PEM, which others may know.
bool is_secret(std::string_view text) noexcept;

/// What `plexus token` prints: an HS256 token signed with the first secret. `can` is JSON text or empty.
/// Throws std::invalid_argument with a sentence when `can` isn't an object of rights, no secret is configured or a
/// text isn't UTF-8.
std::string mint_token(const config::token_section& keys, std::string_view user, std::string_view channel,
                       std::chrono::seconds lifetime, std::string_view can, std::int64_t now);

/// True when the glob `pattern` (`*` for any run of bytes, `?` for one byte) matches all of `text`; at most the
/// product of both lengths in steps.
bool glob_match(std::string_view pattern, std::string_view text) noexcept;

} // namespace plexus::connection
