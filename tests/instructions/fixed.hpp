#pragma once
// What differs from run to run, made the same: the clock of the thread that calls `fix`, and the random bytes that
// client ids are made of.

#include <chrono>

namespace instruction_scenario {

/// From now on the calling thread's clocks stand still, but for `pass`. False where the C++ library has its time
/// from elsewhere; then instruction counts would depend on it.
bool fix();

/// The calling thread's clocks go on by so much.
void pass(std::chrono::milliseconds time);

} // namespace instruction_scenario
