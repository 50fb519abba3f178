#pragma once
// What the machine, or the limits of a container on it, leave to this process, and what follows from that: how many
// loops, how many clients, how much may wait for slow readers. Control groups of version 1 and 2 are read.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace plexus::runtime {

/// What isn't there, or can't be read, is no limit.
struct machine {
  unsigned cores = 1;                      ///< that the process may run on
  std::optional<double> cpu_quota;         ///< cores' worth of time that the control group allows
  std::optional<std::size_t> memory_limit; ///< bytes, the control group's
  std::size_t open_files = 1024;
  std::optional<std::size_t> somaxconn;
  std::optional<std::size_t> conntrack_max;
  std::optional<std::pair<unsigned, unsigned>> port_range; ///< of outgoing connections, both included
};

/// Raises the soft limit of open files to the hard one, to 1,048,576 at most. The soft one is low by custom, for
/// programs that use select(); the node doesn't. Where it can't be raised it stays. Before `read_machine`.
void raise_open_files() noexcept;

/// `root` is "/" but in tests, which have files of their own below `root`/proc and `root`/sys.
machine read_machine(const std::filesystem::path& root = "/");

/// One for each core's worth of time, rounded up: with 1.5 cores two threads use them, one could not.
[[nodiscard]] unsigned default_loops(const machine& on) noexcept;

/// What the open-file limit allows, less a reserve for everything that isn't a client, and what fits into the
/// memory limit with half of it left for queues, histories and bursts. `tls`: a client costs more then.
[[nodiscard]] std::size_t default_max_clients(const machine& on, bool tls) noexcept;

/// What the open-file limit alone allows: more can't be configured.
[[nodiscard]] std::size_t clients_by_files(const machine& on) noexcept;

/// A quarter of the memory limit; 0, no bound, where there is none.
[[nodiscard]] std::size_t default_queue_memory(const machine& on) noexcept;

/// What a node is going to do on that machine.
struct plan {
  std::size_t max_clients = 0;        ///< as it holds
  std::size_t configured_clients = 0; ///< `node.max_connections`; 0: not set
  bool tls = false;
  bool proxy_beside = false; ///< a proxy on this machine brings the clients
  int backlog = 0;           ///< of the listening socket
};

/// Where the machine will be in the way of the plan: what is so, and what to set.
struct advice {
  std::string what, set;
};
[[nodiscard]] std::vector<advice> advise(const machine& on, const plan& what);

} // namespace plexus::runtime
