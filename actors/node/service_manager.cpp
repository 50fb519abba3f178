#include "actors/node/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>

namespace plexus::node {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int number(std::string_view text) {
  int out = -1;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && end == text.data() + text.size() ? out : -1;
}

/// The first word up to `mark`, which is taken off.
std::string_view next(std::string_view& from, char mark) {
  auto end = from.find(mark);
  auto out = from.substr(0, end);
  from = end == std::string_view::npos ? std::string_view() : from.substr(end + 1);
  return out;
}

// Not for whatever this process may start.
int own(int descriptor) {
  if (descriptor >= 0) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return descriptor;
}

} // namespace

void notify_service_manager(std::string_view line) {
  auto where = environment("NOTIFY_SOCKET");
  sockaddr_un to{};
  if (where.size() < 2 || where.size() >= sizeof to.sun_path) return;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, where.data(), where.size());
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0'; // a name that is in no file system
  auto descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + where.size());
  // Not heard is not failed: the manager has a time-out of its own.
  [[maybe_unused]] auto sent =
      ::sendto(descriptor, line.data(), line.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), length);
  ::close(descriptor);
}

inherited_sockets inherited_from(const std::string& text) {
  inherited_sockets out;
  std::string_view left = text;
  while (!left.empty()) {
    auto each = next(left, ',');
    auto name = next(each, '=');
    auto* to = name == "public"     ? &out.public_port
               : name == "internal" ? &out.internal_port
               : name == "ready"    ? &out.ready
                                    : nullptr;
    auto descriptor = number(each);
    if (!to || descriptor < 0 || ::fcntl(descriptor, F_GETFD) < 0)
      throw std::runtime_error("--inherit " + text + ": it is for a node that starts its successor");
    *to = own(descriptor);
  }
  return out;
}

inherited_sockets inherited_from_service_manager() {
  constexpr int first = 3;
  inherited_sockets out;
  auto count = number(environment("LISTEN_FDS"));
  if (count < 1 || number(environment("LISTEN_PID")) != static_cast<int>(::getpid())) return out;
  auto names = environment("LISTEN_FDNAMES");
  std::string_view left = names;
  for (int i = 0; i < count; ++i) {
    auto name = next(left, ':');
    auto& to = name == "internal" || (name != "public" && i > 0) ? out.internal_port : out.public_port;
    if (to < 0) to = own(first + i);
  }
  return out;
}

} // namespace plexus::node
