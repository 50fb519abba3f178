#include "load/phases.hpp"

#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>

using namespace plexus::bench;

int main(int count, char** words) {
  try {
    std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes to sockets without saying so
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    const auto what = parse_options(count, words);
    if (what.phase == "fanout") {
      run_fanout(what);
    } else if (what.phase == "mixed") {
      run_mixed(what);
    } else if (what.phase == "hold") {
      run_hold(what);
    } else if (what.phase == "connect") {
      run_connect(what);
    } else if (what.phase == "churn") {
      run_churn(what);
    } else if (what.phase == "crowd") {
      run_crowd(what);
    } else if (what.phase == "history") {
      run_history(what);
    } else if (what.phase == "pace") {
      run_pace(what);
    } else if (what.phase == "roll") {
      run_roll(what);
    } else if (what.phase == "api") {
      run_api(what);
    } else if (what.phase == "spread") {
      run_spread(what);
    } else {
      throw std::runtime_error(
          "the first word is fanout, mixed, hold, connect, churn, crowd, history, pace, roll, spread or api");
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plexus_load: %s\n", error.what());
    return 1;
  }
}
