#pragma once
// Starting this node's successor: the program as it is on the disk now, with the same words, and with the listening
// sockets of this process. Both accept from the same queue of connects until the successor serves, so that at no
// time is there nobody who listens, and no queue that goes away.

#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace plexus::node {

/// On the loop of its executor.
class upgrade {
public:
  /// `program`: a path; `words`: its arguments, the first one its name.
  upgrade(boost::asio::io_context& home, std::string program, std::vector<std::string> words);
  ~upgrade();
  upgrade(const upgrade&) = delete;
  upgrade& operator=(const upgrade&) = delete;

  /// `done` once: the process that serves now, or 0 and why there is none. `internal`: -1 without.
  using answer = std::function<void(pid_t, std::string why)>;
  void start(int public_port, int internal_port, answer done);
  [[nodiscard]] bool under_way() const noexcept { return child_ > 0; }
  /// Tells the one that is under way to stop, whatever it is at; `done` still comes.
  void recall();
  [[nodiscard]] bool recalled() const noexcept { return recalled_; }

private:
  void heard(bool ready);

  boost::asio::posix::stream_descriptor ear_;
  std::string program_;
  std::vector<std::string> words_;
  answer done_;
  pid_t child_ = 0;
  bool recalled_ = false;
  char byte_ = 0;
};

} // namespace plexus::node
