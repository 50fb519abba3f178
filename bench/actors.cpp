// What channel actors carry: commands a second through one, and the memory of many small ones with a member each,
// of host and backplane alone. One loop, no clients. Prints a line of JSON.
//
//   bench/actors [memory:|redis://127.0.0.1:6379] [COMMANDS] [UNDER WAY] [ACTORS]

#include "actors/extension/host.hpp"
#include "actors/extension/plugins.hpp"

#include "backplane/memory_backplane.hpp"
#include "backplane/redis/redis_backplane.hpp"
#include "bench/bidding.hpp"

#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>

using namespace plexus;
using namespace plexus::extension;
namespace bp = plexus::backplane;
using clock_type = std::chrono::steady_clock;

namespace {

struct bench final : bp::listener, surroundings {
  void published(const std::string&, bp::publication_ptr) override {}
  void presence_changed(const std::string&, const bp::presence_change&) override {}
  void in_doubt(const std::string&) override {}
  void presence_in_doubt(const std::string&) override {}
  void unsubscribe(const std::string&, const member&, std::uint16_t) override {}
  void set_presence(const std::string&, const member&, const std::string&) override {}

  explicit bench(const std::string& url) {
    bp::backplane::executor run = [this](std::string_view, bp::backplane::task work) {
      if (loops.at(0).here())
        loops.at(0).defer([work = std::move(work)] { work(); });
      else
        loops.at(0).post([work = std::move(work)] { work(); });
    };
    bp::redis::redis_backplane* redis = nullptr;
    if (url == "memory:") {
      plane = std::make_unique<bp::memory_backplane>(std::make_shared<bp::memory_store>(), "bench", *this, run, [] {
        return std::chrono::duration_cast<milliseconds>(clock_type::now().time_since_epoch());
      });
    } else {
      bp::redis::options with;
      with.where = std::get<bp::redis::address>(bp::redis::parse_address(url));
      with.node_name = "bench";
      auto made = std::make_unique<bp::redis::redis_backplane>(loops.at(0), with, *this, run);
      redis = made.get();
      plane = std::move(made);
    }
    code.add_actor("bidding", []() -> std::unique_ptr<channel_actor> { return std::make_unique<bidding>(); });
    auto s = std::make_shared<config::settings>();
    s->namespaces["a"].actor = "bidding";
    s->namespaces["a"].actor_idle = std::chrono::hours{1};
    it = std::make_unique<host>(host_setup{loops, *plane, code, *this, s, "bench", nullptr});
    loops.start();
    if (!redis) return;
    std::promise<std::string> up;
    loops.at(0).post([&] { redis->start([&](const bp::redis::start_result& how) { up.set_value(how.fault); }); });
    if (const auto fault = up.get_future().get(); !fault.empty()) {
      std::fprintf(stderr, "%s\n", fault.c_str());
      std::exit(1);
    }
  }
  ~bench() {
    loops.stop();
    it.reset();
  }

  void one(const std::string& channel) {
    command c;
    c.who = {"client", "ann", {}, {}};
    c.verb = "bid";
    c.data = R"({"channel":"a:1","amount":1})";
    it->submit(channel, std::move(c), [this](const delivered& got) {
      if (got.what.code != 0) ++failed;
      if (++answered == wanted) over.set_value();
      if (given < wanted) {
        ++given;
        one("a:1");
      }
    });
  }

  double through_one(std::size_t commands, std::size_t under_way) {
    wanted = commands;
    given = std::min(under_way, commands);
    const auto began = clock_type::now();
    loops.at(0).post([&, first = given] {
      for (std::size_t i = 0; i < first; ++i) one("a:1");
    });
    over.get_future().get();
    return static_cast<double>(commands) / std::chrono::duration<double>(clock_type::now() - began).count();
  }

  double memory_of(std::size_t actors) {
    const auto before = resident();
    std::promise<void> done;
    auto left = std::make_shared<std::size_t>(actors);
    loops.at(0).post([&, left] {
      for (std::size_t i = 0; i < actors; ++i) {
        command c;
        c.what = command::kind::subscribe;
        c.who = {"client-" + std::to_string(i), "ann", {}, {}};
        it->submit("a:small-" + std::to_string(i), std::move(c), [&, left](const delivered&) {
          if (--*left == 0) done.set_value();
        });
      }
    });
    done.get_future().get();
    return static_cast<double>(resident() - before) / static_cast<double>(actors);
  }

  static std::int64_t resident() {
    ::malloc_trim(0);
    std::ifstream in("/proc/self/statm");
    std::int64_t all = 0, here = 0;
    in >> all >> here;
    return here * 4096;
  }

  runtime::runtime loops{1};
  plugins code;
  std::unique_ptr<bp::backplane> plane;
  std::unique_ptr<host> it;
  std::size_t wanted = 0, given = 0, answered = 0, failed = 0;
  std::promise<void> over;
};

} // namespace

int main(int count, char** words) {
  const auto word = [&](int i, const char* otherwise) { return std::string(count > i ? words[i] : otherwise); };
  const auto number = [&](int i, const char* otherwise) { return std::stoul(word(i, otherwise)); };
  bench b(word(1, "memory:"));
  const auto rate = b.through_one(number(2, "200000"), number(3, "200"));
  const auto actors = number(4, "10000");
  std::printf("{\"commands_per_second\": %.0f, \"failed\": %zu, \"actors\": %zu, \"bytes_each\": %.0f}\n", rate,
              b.failed, actors, actors > 0 ? b.memory_of(actors) : 0.0);
}
