#include "load/phases.hpp"

#include "load/process.hpp"
#include "load/swarm.hpp"

#include <poll.h>
#include <unistd.h>

#include <cstdio>

namespace plexus::bench {
namespace {

class hold final : public phase {
public:
  void on_ready(swarm&, client&) override {}
  void on_closed(swarm&, client&) override {}
  void on_lost(swarm&, client&, const std::string& why) override {
    if (lost_++ == 0) std::fprintf(stderr, "plexus_load: a connection was lost: %s\n", why.c_str());
  }
  [[nodiscard]] std::size_t lost() const noexcept { return lost_; }

private:
  std::size_t lost_ = 0;
};

// Whoever started the load ends the phase by closing its input; dying closes it too.
bool input_ended() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  char byte = 0;
  return ::poll(&input, 1, 0) > 0 && ::read(STDIN_FILENO, &byte, 1) <= 0;
}

} // namespace

void run_hold(const options& what) {
  hold owner;
  swarm all(what, owner, what.connections);
  const auto began = now_seconds();
  for (auto& each : all.clients()) {
    all.run_until([&] { return all.opening() < what.in_flight; }, "opening the connections");
    all.dial(each);
  }
  all.run_until([&] { return all.opening() == 0; }, "opening the connections");
  all.check_resumed();
  std::printf(R"({"phase":"hold","connections":%zu,"resumed":%llu,"seconds":%.2f})"
              "\n",
              what.connections, static_cast<unsigned long long>(all.resumed()), now_seconds() - began);
  std::fflush(stdout);
  while (!input_ended()) all.turn(200);
  std::printf(R"({"phase":"held","pings":%llu,"lost":%zu})"
              "\n",
              static_cast<unsigned long long>(all.pings()), owner.lost());
}

} // namespace plexus::bench
