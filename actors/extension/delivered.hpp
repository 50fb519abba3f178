#pragma once
// What comes back for a command.

#include "actors/extension/command.hpp"
#include "actors/protocol/types.hpp"

namespace plexus::extension {

/// An answer and where the channel's log was; see `cell_port::replied`.
struct delivered {
  answer what;
  protocol::position at;
};

} // namespace plexus::extension
