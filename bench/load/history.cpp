#include "load/phases.hpp"

#include "load/feeder.hpp"
#include "load/lines.hpp"
#include "load/process.hpp"

#include <cstdio>
#include <stdexcept>

namespace plexus::bench {
namespace {

/// Clients without a subscription, and one that publishes what they read.
class readers final : public phase {
public:
  explicit readers(const options& what) : what_(what), all_(what, *this, what.connections + 1) {}

  void run() {
    for (auto& each : all_.clients()) {
      if (all_.opening() >= what_.in_flight)
        all_.run_until([&] { return all_.opening() < what_.in_flight; }, "opening the connections");
      all_.dial(each, false);
    }
    all_.run_until([&] { return all_.opening() == 0; }, "opening the connections");
    feed_.publish(all_, all_.clients().back(), what_.missed, what_.data_size);
    std::printf("{\"phase\":\"history\",\"connections\":%zu}\n", what_.connections);
    std::fflush(stdout);
    line_reader input;
    while (!input.ended()) {
      all_.turn(50);
      if (input.take()) read_all();
    }
  }

  void on_ready(swarm&, client&) override {}
  void on_closed(swarm&, client&) override {}

  std::size_t on_bytes(swarm& all, client& which, std::string_view bytes) override {
    if (which.slot >= what_.connections) return feed_.on_bytes(all, which, bytes);
    std::size_t used = 0;
    while (const auto in = next_frame(bytes.substr(used))) {
      used += in->size;
      all.answer_ping(which, *in);
      if (in->payload.find(R"("history":{)") != std::string_view::npos)
        take(which, in->payload);
      else if (in->opcode == op_close)
        throw std::runtime_error("closed: " + std::string(in->payload.substr(2)));
      else if (in->payload.find(R"("error":)") != std::string_view::npos)
        throw std::runtime_error("refused: " + std::string(in->payload.substr(0, 300)));
    }
    return used;
  }

private:
  static constexpr std::size_t sample_every = 64;

  void read_all() {
    pages_ = 0;
    std::string command;
    append_frame(command, op_text,
                 R"({"id":10,"history":{"channel":"bench:room","limit":)" + std::to_string(what_.missed) + "}}");
    const auto began = now_seconds();
    const auto cpu = what_.server > 0 ? cpu_seconds(what_.server) : 0;
    for (std::size_t i = 0; i < what_.connections; ++i) all_.send(all_.clients()[i], command);
    all_.run_until([&] { return pages_ == what_.connections; }, "reading the history");
    std::printf(R"({"pages":%zu,"seconds":%.3f,"server_cpu_seconds":%.3f})"
                "\n",
                pages_, now_seconds() - began, what_.server > 0 ? cpu_seconds(what_.server) - cpu : 0);
    std::fflush(stdout);
  }

  void take(const client& which, std::string_view page) {
    ++pages_;
    if (which.slot % sample_every != 0) return;
    if (const auto got = feeder::count(page); got != what_.missed)
      throw std::runtime_error("a page had " + std::to_string(got));
  }

  const options& what_;
  swarm all_;
  feeder feed_;
  std::size_t pages_ = 0;
};

} // namespace

void run_history(const options& what) {
  readers(what).run();
}

} // namespace plexus::bench
