#include "load/process.hpp"

#include <ctime>
#include <stdexcept>

namespace plexus::bench {

double cpu_seconds(pid_t process) {
  clockid_t clock{};
  timespec spent{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &spent) != 0) {
    throw std::runtime_error("the CPU time of the server can't be read: it is gone");
  }
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

std::int64_t now_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

double now_seconds() {
  return static_cast<double>(now_nanoseconds()) * 1e-9;
}

} // namespace plexus::bench
