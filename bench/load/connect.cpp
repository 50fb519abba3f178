#include "load/phases.hpp"

#include "load/process.hpp"
#include "load/swarm.hpp"

#include <algorithm>
#include <cstdio>

namespace plexus::bench {
namespace {

/// Keeps its connections until it is told to close them.
class rounds final : public phase {
public:
  void on_ready(swarm&, client&) override { ++ready_; }
  void on_closed(swarm&, client&) override { --ready_; }
  [[nodiscard]] std::size_t ready() const noexcept { return ready_; }

private:
  std::size_t ready_ = 0;
};

/// Closes each connection at once and dials the next in its place.
class churn final : public phase {
public:
  explicit churn(std::uint64_t wanted) : wanted_(wanted) {}
  void on_ready(swarm& all, client& which) override { all.close(which, which.serial % 2 == 0); }
  void on_closed(swarm& all, client& which) override {
    ++closed_;
    if (all.dialed() < wanted_) all.dial(which);
  }
  [[nodiscard]] bool done() const noexcept { return closed_ == wanted_; }

private:
  std::uint64_t wanted_;
  std::uint64_t closed_ = 0;
};

double server_cpu(const options& what) {
  return what.server > 0 ? cpu_seconds(what.server) : 0;
}

} // namespace

void run_connect(const options& what) {
  rounds owner;
  swarm all(what, owner, std::min(what.at_once, what.connections));
  double opening = 0;
  double closing = 0;
  double seconds = 0;
  std::size_t opened = 0;
  while (opened < what.connections) {
    const auto began = now_seconds();
    const auto before = server_cpu(what);
    const auto count = std::min(all.clients().size(), what.connections - opened);
    for (std::size_t i = 0; i < count; ++i) {
      all.run_until([&] { return all.opening() < what.in_flight; }, "opening the connections");
      all.dial(all.clients()[i]);
    }
    all.run_until([&] { return owner.ready() == count; }, "opening the connections");
    seconds += now_seconds() - began;
    const auto between = server_cpu(what);
    opening += between - before;
    for (std::size_t i = 0; i < count; ++i) all.close(all.clients()[i], true);
    all.run_until([&] { return owner.ready() == 0; }, "closing the connections");
    closing += server_cpu(what) - between;
    opened += count;
  }
  all.check_resumed();
  const auto count = static_cast<double>(opened);
  std::printf(
      R"({"phase":"connect","connections":%zu,"two_step":%s,"tokens":%s,"tls":%s,"resumed":%llu,"per_second":%.0f,)"
      R"("opening_cpu_seconds":%.4f,"closing_cpu_seconds":%.4f,"per_cpu_second":%.0f,)"
      R"("per_cpu_second_with_close":%.0f})"
      "\n",
      opened, what.two_step ? "true" : "false", what.tokens.empty() ? "false" : "true", what.tls ? "true" : "false",
      static_cast<unsigned long long>(all.resumed()), count / seconds, opening, closing,
      opening > 0 ? count / opening : 0, opening > 0 ? count / (opening + closing) : 0);
}

void run_churn(const options& what) {
  churn owner(what.connections);
  const auto slots = std::min(what.in_flight, what.connections);
  swarm all(what, owner, slots);
  const auto began = now_seconds();
  const auto before = server_cpu(what);
  for (auto& each : all.clients()) all.dial(each);
  all.run_until([&] { return owner.done(); }, "opening and closing");
  std::printf(R"({"phase":"churn","connections":%zu,"per_second":%.0f,"server_cpu_seconds":%.3f})"
              "\n",
              what.connections, static_cast<double>(what.connections) / (now_seconds() - began),
              server_cpu(what) - before);
}

} // namespace plexus::bench
