#pragma once
// Shared by the files that decode the HTTP API's requests.

#include "actors/protocol/api.hpp"
#include "actors/protocol/json_reader.hpp"

namespace plexus::protocol {

using decoded = std::variant<api_command, api_fault>;

/// The fault of a body that `in` could not read.
api_fault broken(const json::reader& in);
/// Error 107 with a sentence.
api_fault bad(std::string message);

decoded decode_invalidate_user_tokens(json::reader& in);
decoded decode_revoke_token(json::reader& in);
decoded decode_block_user(json::reader& in);
decoded decode_unblock_user(json::reader& in);

} // namespace plexus::protocol
