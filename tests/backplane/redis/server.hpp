#pragma once
// A real redis-server for a test: started on a port the kernel picked, stopped with the test.

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace plexus::backplane::redis::testing {

/// Of all keys, where there is one partition.
inline const std::string prefix = "plexus:{p0}:";

/// One that nobody listens on at the moment.
std::uint16_t free_port();

class server {
public:
  /// Starts one; `arguments` as on its command line. With `folder` empty nothing is written to disk.
  explicit server(std::vector<std::string> arguments = {}, std::uint16_t port = 0);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// A Sentinel that watches `primary` under the name "main" and fails over after half a second.
  static std::unique_ptr<server> sentinel_of(server& primary);

  /// One for all tests of this process that leave it as it was; emptied.
  static server& shared();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  /// Where it keeps its files; gone with it.
  [[nodiscard]] const std::string& folder() const { return folder_; }

  /// Runs a command and returns its answer as text: a list's items are separated by spaces.
  std::string ask(const std::vector<std::string>& words);
  /// A number, 0 for anything else.
  long long number(const std::vector<std::string>& words);

  [[nodiscard]] bool running() const { return pid_ > 0; }
  void kill_hard();
  void start();
  void pause(); ///< SIGSTOP
  void resume();

private:
  struct sentinel_tag {};
  explicit server(sentinel_tag);
  void wait_until_it_answers();

  std::vector<std::string> arguments_;
  std::uint16_t port_ = 0;
  bool sentinel_ = false;
  int pid_ = -1;
  std::string folder_;
  std::unique_ptr<redisContext, void (*)(redisContext*)> link_{nullptr, redisFree};
};

/// A port whose connections lead to each of `targets` in turn; forwards bytes, in a thread of its own.
class forked_port {
public:
  explicit forked_port(std::vector<std::uint16_t> targets);
  ~forked_port();
  forked_port(const forked_port&) = delete;
  forked_port& operator=(const forked_port&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

private:
  int pid_ = -1;
  std::uint16_t port_ = 0;
};

} // namespace plexus::backplane::redis::testing
