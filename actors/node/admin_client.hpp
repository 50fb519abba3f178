#pragma once
// The other end of the admin WebSocket, for the command line: blocking, one thread. Beast is seen only in its .cpp.

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

namespace plexus::node {

/// What went wrong, as a sentence.
struct admin_fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The command line's fault.
struct admin_usage : admin_fault {
  using admin_fault::admin_fault;
};

class admin_client {
public:
  /// Connects. `url`: `ws://HOST:PORT` or `wss://HOST:PORT`; with `wss` the certificate is checked against `ca`, or
  /// the system's where that is empty, unless `unchecked`. Throws `admin_fault`.
  admin_client(const std::string& url, const std::string& ca, bool unchecked);
  ~admin_client();

  void send(const std::string& text);
  /// The next message; throws where none comes in time (0: waits on) or the connection ends.
  std::string receive(std::chrono::milliseconds timeout);

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace plexus::node
