#pragma once
// What differs from run to run, made the same: the clocks of the thread that calls `fix`, the kernel's timers and
// whatever is random.

#include <chrono>

namespace instruction_scenario {

/// From now on the calling thread's clocks stand still, but for `pass`. False where the C++ library has its time or
/// its random numbers from elsewhere; then instruction counts would depend on them.
bool fix();

/// They are the kernel's again.
void unfix();

/// The calling thread's clocks go on by so much.
void pass(std::chrono::milliseconds time);

} // namespace instruction_scenario
