#pragma once
// The Lua scripts, as they stand in `scripts/`; embedded when the program is built.

#include <string_view>

namespace plexus::backplane::redis::scripts {

extern const std::string_view hello, append, batch, renew;

} // namespace plexus::backplane::redis::scripts
