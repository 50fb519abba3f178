// How many publications one node's Redis backplane carries, and what Redis pays for each: appends kept under way
// over many channels with history, subscribers on this node and, if asked, on others. No sockets to clients.
//
//   bench/backplane_redis redis://127.0.0.1:6379 [SECONDS] [OUTSTANDING] [CHANNELS] [NODES] [A SECOND] [PARTITIONS]
//   [QUIET]
//
// A SECOND 0: as many as go; below 0: none. PARTITIONS 0: as many as is usual. QUIET: more nodes, without
// subscribers. Says "ready" once all is subscribed, and begins; with an input that is no terminal, when it is sent
// a line or that ends.

#include "backplane/redis/redis_backplane.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

using namespace plexus;
using namespace plexus::backplane;
using clock_type = std::chrono::steady_clock;

namespace {

struct counting final : listener {
  void published(const std::string&, publication_ptr) override { ++heard; }
  void presence_changed(const std::string&, const presence_change&) override {}
  void in_doubt(const std::string&) override { ++doubts; }
  void presence_in_doubt(const std::string&) override {}
  std::atomic<std::uint64_t> heard{0}, doubts{0};
};

struct node {
  node(const std::string& url, std::size_t channels, unsigned partitions) {
    redis::options with;
    with.where = std::get<redis::address>(redis::parse_address(url));
    with.partitions = partitions > 0 ? partitions : redis::usual_partitions(with.where);
    with.node_name = "bench";
    plane = std::make_unique<redis::redis_backplane>(loops.at(0), with, news, [this](std::string_view, auto task) {
      loops.at(0).defer([task = std::move(task)] { task(); });
    });
    loops.start();
    std::promise<std::string> up;
    loops.at(0).post([&] { plane->start([&](const redis::start_result& how) { up.set_value(how.fault); }); });
    if (const auto fault = up.get_future().get(); !fault.empty()) {
      std::fprintf(stderr, "%s\n", fault.c_str());
      std::exit(1);
    }
    if (channels == 0) return;
    std::promise<void> subscribed;
    auto left = std::make_shared<std::size_t>(channels);
    loops.at(0).post([&, left] {
      for (std::size_t i = 0; i < channels; ++i)
        plane->subscribe("bench:" + std::to_string(i), keep, [&, left](const auto&) {
          if (--*left == 0) subscribed.set_value();
        });
    });
    subscribed.get_future().get();
  }
  ~node() {
    loops.stop();
    plane.reset();
  }
  const retention keep{100, std::chrono::minutes{5}};
  runtime::runtime loops{1};
  counting news;
  std::unique_ptr<redis::redis_backplane> plane;
};

struct load {
  node& on;
  std::size_t channels;
  std::vector<std::string> names{};
  std::size_t next = 0;
  std::uint64_t done = 0, failed = 0;
  double seconds = 0, worst = 0;
  bool stopping = false;

  void one() {
    draft what;
    what.data = R"({"text":"sixty-four bytes of data, as in all the other benchmarks"})";
    const auto begin = clock_type::now();
    on.plane->append(names[next++ % channels], on.keep, std::move(what), [this, begin](const auto& how) {
      const auto took = std::chrono::duration<double>(clock_type::now() - begin).count();
      how.ok() ? ++done : ++failed;
      seconds += took;
      worst = std::max(worst, took);
      if (!stopping && keep_going) one();
    });
  }
  bool keep_going = true;
};

} // namespace

int main(int count, char** words) {
  const auto argument = [&](int i, double usual) { return count > i ? std::atof(words[i]) : usual; };
  const std::string url = count > 1 ? words[1] : "redis://127.0.0.1:6379";
  const auto seconds = argument(2, 5);
  const auto outstanding = static_cast<std::size_t>(argument(3, 64)),
             channels = static_cast<std::size_t>(argument(4, 1000));
  const auto nodes = static_cast<std::size_t>(std::max(argument(5, 1), 1.0));
  const double rate = argument(6, 0);
  const auto partitions = static_cast<unsigned>(argument(7, 0));
  const auto quiet = static_cast<std::size_t>(argument(8, 0));
  node first(url, channels, partitions);
  std::vector<std::unique_ptr<node>> others;
  for (std::size_t i = 1; i < nodes + quiet; ++i)
    others.push_back(std::make_unique<node>(url, i < nodes ? channels : 0, partitions));
  load l{first, channels};
  for (std::size_t i = 0; i < channels; ++i) l.names.push_back("bench:" + std::to_string(i));
  std::printf("ready\n");
  std::fflush(stdout);
  const bool driven = ::isatty(0) == 0;
  while (driven && std::getchar() != '\n' && !std::feof(stdin)) {
  }
  const auto cpu = [] {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds_of = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
  };
  const auto cpu_before = cpu();
  const auto begin = clock_type::now();
  const auto passed = [&] { return std::chrono::duration<double>(clock_type::now() - begin).count(); };
  if (rate > 0) {
    l.keep_going = false;
    std::uint64_t asked = 0;
    while (passed() < seconds) {
      const auto due = static_cast<std::uint64_t>(passed() * rate);
      for (; asked < due; ++asked) first.loops.at(0).post([&] { l.one(); });
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  } else {
    if (rate == 0)
      first.loops.at(0).post([&] {
        for (std::size_t i = 0; i < outstanding; ++i) l.one();
      });
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
  std::promise<void> read;
  first.loops.at(0).post([&] {
    l.stopping = true;
    std::uint64_t heard = 0, doubts = first.news.doubts;
    for (const auto& each : others) {
      heard += each->news.heard;
      doubts += each->news.doubts;
    }
    const auto made = l.done > 0 ? static_cast<double>(l.done) : 1.0;
    std::printf(
        "publications/s %.0f, done=%llu failed=%llu mean_ms=%.3f worst_ms=%.1f heard=%llu doubts=%llu seconds=%.3f "
        "cpu=%.3f partitions=%u\n",
        static_cast<double>(l.done) / passed(), static_cast<unsigned long long>(l.done),
        static_cast<unsigned long long>(l.failed), l.seconds / made * 1000, l.worst * 1000,
        static_cast<unsigned long long>(heard), static_cast<unsigned long long>(doubts), passed(),
        cpu() - cpu_before,
        partitions > 0 ? partitions : redis::usual_partitions(std::get<redis::address>(redis::parse_address(url))));
    std::fflush(stdout);
    read.set_value();
  });
  read.get_future().get();
  while (driven && std::getchar() != EOF) {
  } // whoever measures may look while all is still connected
}
