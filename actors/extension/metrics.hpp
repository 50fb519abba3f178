#pragma once
// What the host of channel actors counts.

#include "actors/runtime/metrics.hpp"

namespace plexus::extension::count {

using runtime::metrics::counter;
using runtime::metrics::gauge;
using runtime::metrics::histogram;

extern const counter publications, duplicates; ///< of all channels; with an actor or without
extern const gauge cells;
extern const counter starts;   ///< by `start_reason`
extern const counter commands; ///< run on this node
extern const counter forwarded, repeated;
extern const counter writes, refused_writes, unknown_writes;
extern const counter failures, slow, mailbox_full, given_up, keys_forgotten, words_lost;
extern const counter hook_failures, asides, asides_refused;
extern const histogram handler_time, write_time;

} // namespace plexus::extension::count
