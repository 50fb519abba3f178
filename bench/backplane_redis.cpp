// How many publications one node's Redis backplane carries, and what Redis pays for each: appends kept under way
// over many channels with history, subscribers on this node and, if asked, on a second one. No sockets to clients.
//
//   bench/backplane_redis redis://127.0.0.1:6379 [SECONDS] [OUTSTANDING] [CHANNELS] [NODES] [A SECOND]

#include "backplane/redis/redis_backplane.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <vector>

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
  node(const std::string& url, std::size_t channels) {
    redis::options with;
    with.where = std::get<redis::address>(redis::parse_address(url));
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
  const bool two = argument(5, 1) > 1;
  const double rate = argument(6, 0);
  node first(url, channels);
  std::unique_ptr<node> second;
  if (two) second = std::make_unique<node>(url, channels);
  load l{first, channels};
  for (std::size_t i = 0; i < channels; ++i) l.names.push_back("bench:" + std::to_string(i));
  const auto begin = clock_type::now();
  if (rate > 0) {
    l.keep_going = false;
    std::uint64_t asked = 0;
    while (std::chrono::duration<double>(clock_type::now() - begin).count() < seconds) {
      const auto due =
          static_cast<std::uint64_t>(std::chrono::duration<double>(clock_type::now() - begin).count() * rate);
      for (; asked < due; ++asked) first.loops.at(0).post([&] { l.one(); });
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  } else {
    first.loops.at(0).post([&] {
      for (std::size_t i = 0; i < outstanding; ++i) l.one();
    });
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
  std::promise<void> read;
  first.loops.at(0).post([&] {
    l.stopping = true;
    const auto took = std::chrono::duration<double>(clock_type::now() - begin).count();
    std::printf(
        "publications/s %.0f, failed %llu, mean %.3f ms, worst %.1f ms, heard elsewhere %llu, doubts %llu\n",
        static_cast<double>(l.done) / took, static_cast<unsigned long long>(l.failed),
        l.seconds / static_cast<double>(l.done) * 1000, l.worst * 1000,
        static_cast<unsigned long long>(second ? second->news.heard.load() : 0),
        static_cast<unsigned long long>(first.news.doubts + (second ? second->news.doubts.load() : 0)));
    read.set_value();
  });
  read.get_future().get();
}
