#pragma once
// What this process takes of the machine, for /metrics. Read from /proc when asked: a few system calls.

#include "actors/runtime/metrics.hpp"

#include <vector>

namespace plexus::runtime {

/// Resident memory and processor time.
std::vector<metrics::sample> process_samples();

} // namespace plexus::runtime
