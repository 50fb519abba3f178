#pragma once
// What a token's payload says. Inside actors/connection only.

#include "actors/connection/token.hpp"

namespace plexus::connection {

/// The claims of a payload whose signature was found good. `wanted`: audience and issuer. Never throws.
std::variant<claims, token_fault> judge(std::string_view payload, const config::token_section& wanted,
                                        std::int64_t now, expiry minded);

/// True when `can`, JSON text, is an object of rights.
bool is_rights(std::string_view can);

} // namespace plexus::connection
