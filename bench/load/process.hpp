#pragma once
// What a process has used, and the clock that all measurements share.

#include <sys/types.h>

#include <cstdint>

namespace plexus::bench {

/// Seconds of CPU, user and system, of all threads of that process so far. The kernel's per-process clock: the same
/// sum as utime + stime in /proc/PID/stat, in nanoseconds where that file counts in hundredths of a second.
/// Throws std::runtime_error when there is no such process.
double cpu_seconds(pid_t process);

/// Seconds of a steady clock.
double now_seconds();
/// Nanoseconds of the same clock.
std::int64_t now_nanoseconds();

} // namespace plexus::bench
