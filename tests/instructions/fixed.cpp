// Takes the place of library functions: a symbol of the program goes before those of shared libraries.

#include "tests/instructions/fixed.hpp"

#include <openssl/rand.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <random>

namespace {

// Only for the scenario's thread: the others (CAF has some) wait for points in real time.
thread_local bool is_fixed = false;
thread_local std::int64_t milliseconds = 1'700'000'000'000;

std::uint32_t state = 1;
std::uint32_t next_number() {
  state = state * 1'664'525U + 1'013'904'223U;
  return state;
}

} // namespace

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the header has reserved names
extern "C" int clock_gettime(clockid_t which, timespec* to) noexcept {
  if (!is_fixed) return static_cast<int>(::syscall(SYS_clock_gettime, which, to));
  to->tv_sec = static_cast<std::time_t>(milliseconds / 1000);
  to->tv_nsec = static_cast<long>(milliseconds % 1000 * 1'000'000);
  return 0;
}

// A loop wakes by this one; the scenario turns its loop itself, and a tick in real time would be a round more.
extern "C" int timerfd_settime(int, int, const itimerspec*, itimerspec*) noexcept {
  return 0;
}

extern "C" int RAND_bytes(unsigned char* buf, int num) {
  for (int i = 0; i < num; ++i) buf[i] = static_cast<unsigned char>(next_number() >> 24);
  return 1;
}

std::random_device::result_type std::random_device::_M_getval() {
  return next_number();
}

namespace instruction_scenario {

bool fix() {
  is_fixed = true;
  const std::chrono::milliseconds expected(milliseconds);
  state = 0;
  return std::random_device()() == 1'013'904'223U &&
         std::chrono::steady_clock::now().time_since_epoch() == expected &&
         std::chrono::system_clock::now().time_since_epoch() == expected;
}

void unfix() {
  is_fixed = false;
}

void pass(std::chrono::milliseconds time) {
  milliseconds += time.count();
}

} // namespace instruction_scenario
