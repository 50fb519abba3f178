#pragma once
// What other nodes say, and parameters that are not for them: read with care. Pure.

#include "actors/admin/fwd.hpp"

#include <string>

namespace plexus::admin {

inline constexpr std::size_t max_reason = 500; ///< bytes; of names of nodes too

/// `{"code", "message"}` of what another node gave as its error, whatever that was.
json clean_fault(const json& error);
/// For the audit log: "done", and which nodes said nothing or refused; or the error's message.
std::string outcome_of(const json& answer);
/// Takes a parameter that is not for the nodes out of `with`. Throws `refusal` for what is no text.
std::string take_text(json& with, const char* name);

} // namespace plexus::admin
