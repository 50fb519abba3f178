#pragma once
// What a client sends beside a stream that only goes down to it: an envelope around commands, in either format.

#include "actors/protocol/codec.hpp"
#include "actors/protocol/padded_text.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace plexus::protocol {

struct emulation_request {
  std::string node;    ///< as the connect reply said; may be empty
  std::string session; ///< as the connect reply said: a secret; not empty
  padded_text message; ///< one or more commands, in the client's format
};

/// JSON: an object with `node`, `session` and `data`, all strings. Protobuf: an EmulationRequest. Nothing for a
/// body that isn't such a thing. Pure, any thread.
std::optional<emulation_request> read_emulation(format f, std::string_view body);

} // namespace plexus::protocol
