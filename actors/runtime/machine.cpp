#include "actors/runtime/machine.hpp"

#include "actors/runtime/control_group.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

namespace plexus::runtime {

namespace {

// Files that aren't clients: listening sockets, epoll, the log, HTTP requests under way.
constexpr std::size_t reserved_files = 200;
// The program itself with its libraries, loops and a few thousand channels.
constexpr std::size_t own_memory = 48U << 20;
// Of one client, the kernel's share included (a socket, its file, its buffers' heads): measured under a memory
// control group (docs/capacity.md), and rounded up.
constexpr std::size_t client_memory = 12U << 10;
constexpr std::size_t tls_client_memory = 32U << 10;

std::optional<std::size_t> count_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::size_t value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

unsigned cores_to_use() {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (::sched_getaffinity(0, sizeof mine, &mine) == 0) return static_cast<unsigned>(std::max(1, CPU_COUNT(&mine)));
  return std::max(1U, std::thread::hardware_concurrency());
}

std::size_t open_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? 1'000'000 : static_cast<std::size_t>(limit.rlim_cur);
}

} // namespace

void raise_open_files() noexcept {
  // What a process may have at most where nobody raised fs.nr_open; more clients than any node holds.
  constexpr rlim_t most = 1U << 20;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  auto wanted = std::min(limit.rlim_max, most);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

machine read_machine(const std::filesystem::path& root) {
  machine out;
  out.cores = cores_to_use();
  out.open_files = open_files();
  auto group = read_control_group(root);
  out.cpu_quota = group.cpu_quota;
  out.memory_limit = group.memory_limit;
  auto net = root / "proc/sys/net";
  out.somaxconn = count_in(net / "core/somaxconn");
  out.conntrack_max = count_in(net / "netfilter/nf_conntrack_max");
  std::ifstream ports(net / "ipv4/ip_local_port_range");
  if (unsigned first = 0, last = 0; ports >> first >> last && first <= last) out.port_range.emplace(first, last);
  return out;
}

unsigned default_loops(const machine& on) noexcept {
  if (!on.cpu_quota) return std::max(1U, on.cores);
  auto allowed = static_cast<unsigned>(std::clamp(std::ceil(*on.cpu_quota), 1.0, 1024.0));
  return std::clamp(on.cores, 1U, allowed);
}

std::size_t clients_by_files(const machine& on) noexcept {
  return on.open_files > 2 * reserved_files ? on.open_files - reserved_files : on.open_files / 2;
}

std::size_t default_max_clients(const machine& on, bool tls) noexcept {
  auto files = clients_by_files(on);
  if (!on.memory_limit) return files;
  auto left = *on.memory_limit > 2 * own_memory ? *on.memory_limit - own_memory : *on.memory_limit / 2;
  return std::clamp<std::size_t>(left / 2 / (tls ? tls_client_memory : client_memory), 1, files);
}

std::size_t default_queue_memory(const machine& on) noexcept {
  return on.memory_limit ? *on.memory_limit / 4 : 0;
}

std::vector<advice> advise(const machine& on, const plan& what) {
  std::vector<advice> out;
  auto text = [](std::size_t n) { return std::to_string(n); };
  constexpr std::size_t few_files = 4096;
  if (what.configured_clients > what.max_clients)
    out.push_back(
        {"node.max_connections is " + text(what.configured_clients) + ", but " + text(on.open_files) +
             " open files allow " + text(what.max_clients) + " clients",
         "LimitNOFILE=, ulimit -n or --ulimit nofile= to " + text(what.configured_clients + reserved_files)});
  else if (what.configured_clients == 0 && on.open_files < few_files)
    out.push_back({text(on.open_files) + " open files allow only " + text(what.max_clients) + " clients",
                   "LimitNOFILE=, ulimit -n or --ulimit nofile= to 65536 or more"});
  if (on.memory_limit && what.configured_clients > default_max_clients(on, what.tls))
    out.push_back({"node.max_connections is " + text(what.configured_clients) + ", but the memory limit of " +
                       text(*on.memory_limit) + " bytes is meant for " + text(default_max_clients(on, what.tls)),
                   "the container's memory limit higher, or node.max_connections lower"});
  if (on.somaxconn && *on.somaxconn < static_cast<std::size_t>(what.backlog))
    out.push_back({"at most " + text(*on.somaxconn) + " connects can wait to be accepted, the node asks for " +
                       text(static_cast<std::size_t>(what.backlog)),
                   "sysctl net.core.somaxconn=" + text(static_cast<std::size_t>(what.backlog))});
  if (what.proxy_beside && on.port_range) {
    auto ports = static_cast<std::size_t>(on.port_range->second - on.port_range->first) + 1;
    if (what.max_clients > ports)
      out.push_back(
          {"a proxy on this machine has " + text(ports) + " ports to reach the node from, which takes " +
               text(what.max_clients) + " clients",
           "sysctl net.ipv4.ip_local_port_range=\"1024 65535\", or several source addresses in the proxy"});
  }
  if (on.conntrack_max && *on.conntrack_max < what.max_clients + what.max_clients / 4)
    out.push_back({"the firewall tracks at most " + text(*on.conntrack_max) + " connections, the node takes " +
                       text(what.max_clients) + " clients",
                   "sysctl net.netfilter.nf_conntrack_max=" + text(what.max_clients * 2)});
  return out;
}

} // namespace plexus::runtime
