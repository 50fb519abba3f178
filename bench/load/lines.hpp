#pragma once
// What the driver says to a phase while it runs: lines on standard input, of which only the number counts.

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace plexus::bench {

class line_reader {
public:
  /// True once for each line that has come.
  bool take() {
    look();
    if (lines_ == 0) return false;
    --lines_;
    return true;
  }
  /// The input is at its end; whoever started the load closes it to end the phase, dying closes it too.
  bool ended() {
    look();
    return ended_ && lines_ == 0;
  }

private:
  void look() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (ended_ || ::poll(&input, 1, 0) <= 0) return;
    char bytes[256];
    const auto got = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (got <= 0)
      ended_ = true;
    else
      lines_ += static_cast<std::size_t>(std::count(bytes, bytes + got, '\n'));
  }
  std::size_t lines_ = 0;
  bool ended_ = false;
};

} // namespace plexus::bench
