// Takes the place of two library functions: a symbol of the program goes before those of shared libraries.

#include "tests/instructions/fixed.hpp"

#include <openssl/rand.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>

namespace {
// Only for the scenario's thread: the others (CAF has some) wait for points in real time.
thread_local bool is_fixed = false;
thread_local std::int64_t milliseconds = 1'700'000'000'000;
} // namespace

extern "C" int clock_gettime(clockid_t which, timespec* to) noexcept {
  if (!is_fixed) return static_cast<int>(::syscall(SYS_clock_gettime, which, to));
  to->tv_sec = static_cast<std::time_t>(milliseconds / 1000);
  to->tv_nsec = static_cast<long>(milliseconds % 1000 * 1'000'000);
  return 0;
}

extern "C" int RAND_bytes(unsigned char* to, int count) {
  static std::uint32_t state = 1;
  for (int i = 0; i < count; ++i) {
    state = state * 1'664'525U + 1'013'904'223U;
    to[i] = static_cast<unsigned char>(state >> 24);
  }
  return 1;
}

namespace instruction_scenario {

bool fix() {
  is_fixed = true;
  const std::chrono::milliseconds expected(milliseconds);
  return std::chrono::steady_clock::now().time_since_epoch() == expected &&
         std::chrono::system_clock::now().time_since_epoch() == expected;
}

void pass(std::chrono::milliseconds time) {
  milliseconds += time.count();
}

} // namespace instruction_scenario
