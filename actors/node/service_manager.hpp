#pragma once
// What the program that started the node wants to hear (systemd's notification protocol), and the sockets that it,
// or the process before this one, opened for it.

#include <string>
#include <string_view>

namespace plexus::node {

/// A line for the service manager such as "READY=1"; nothing happens where none asks for it (`NOTIFY_SOCKET`).
void notify_service_manager(std::string_view line);

/// Descriptors that are this process's from its start; -1: none.
struct inherited_sockets {
  int public_port = -1;
  int internal_port = -1;
  int ready = -1; ///< the former process waits here for a byte: this one serves

  [[nodiscard]] bool from_former_process() const noexcept { return ready >= 0; }
};

/// As the former process wrote it on the command line: "public=3,internal=4,ready=5". Throws std::runtime_error.
inherited_sockets inherited_from(const std::string& text);

/// From a service manager that listens for the node (`LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`): the first
/// socket, or the one called "public", and the second or "internal".
inherited_sockets inherited_from_service_manager();

} // namespace plexus::node
