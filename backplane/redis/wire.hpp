#pragma once
// How publications, members and inbox entries are written in Redis. Pure.
//
// A publication is its time in 13 digits (the scripts put it there) and a body: lengths as varints, then bytes.
// An inbox entry is what one batch of another node handed on: one `handed_on` behind the other.

#include "backplane/backplane.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace plexus::backplane::redis {

/// Everything of a draft that subscribers see.
std::string encode_body(const draft& what);
/// `text`: time and body. Null for bytes that this program doesn't write.
std::shared_ptr<protocol::publication> decode_publication(std::string_view text);

std::string encode_member(const client_info& who);
std::optional<client_info> decode_member(std::string_view bytes);

/// A publication, a presence change, a notice or a message as it stands in an inbox.
struct handed_on {
  enum class kind : std::uint8_t { publication, presence, notice, message };
  kind what = kind::publication;
  presence_change::kind change = presence_change::kind::none;
  std::string_view epoch;
  std::uint64_t sequence = 0;
  std::uint64_t number = 0; ///< the offset (0: not logged), or the presence version
  std::string_view channel; ///< for a message: the node that sent it
  std::string_view content; ///< time and body, or the member, or the notice, or the message
};

/// Calls `each` for all that an entry holds; false when it ends in bytes that make no sense.
bool decode_entry(std::string_view entry, const std::function<void(const handed_on&)>& each);

/// What became of an append.
struct append_answer {
  std::string_view epoch; ///< or a letter and more, as in `append.lua`
  std::uint64_t sequence = 0, offset = 0;
};
/// Of a whole batch, as `append_batch.lua` packs them (MessagePack); none for bytes that make no sense.
std::vector<append_answer> unpack_answers(std::string_view packed);

/// "value end key" as scripts write it.
std::optional<notice> decode_notice(std::string_view text);

/// "1-7" -> 7; null for an id that isn't an inbox's.
std::optional<std::uint64_t> inbox_number(std::string_view id);
/// What INFO's text says of `name`: "master_replid:abc" -> "abc". Empty when it doesn't.
std::string_view info_value(std::string_view info, std::string_view name);
/// Digits, or null.
std::optional<std::uint64_t> to_number(std::string_view text);

/// The kind that a script names by its letter.
presence_change::kind to_kind(std::string_view letter);

} // namespace plexus::backplane::redis
