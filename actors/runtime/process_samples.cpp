#include "actors/runtime/process_samples.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace plexus::runtime {

std::vector<metrics::sample> process_samples() {
  std::vector<metrics::sample> out;
  std::ifstream pages("/proc/self/statm");
  if (double all = 0, resident = 0; pages >> all >> resident)
    out.push_back({"plexus_resident_memory_bytes", "Memory of the process that is in use.",
                   resident * static_cast<double>(::sysconf(_SC_PAGESIZE)), false});
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  out.push_back({"plexus_cpu_seconds_total", "Processor time of the process.",
                 seconds(used.ru_utime) + seconds(used.ru_stime), true});
  return out;
}

} // namespace plexus::runtime
