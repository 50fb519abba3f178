// What a publication costs Redis, in commands: the same however many primaries, partitions and quiet nodes there
// are.

#include "tests/backplane/redis/cluster.hpp"
#include "tests/backplane/redis/redis_cluster.hpp"

#include <doctest/doctest.h>

#include <map>
#include <sstream>

using namespace plexus::backplane;
using namespace plexus::backplane::contract;
using namespace plexus::backplane::redis::testing;
using plexus::backplane::redis::tuning;

namespace {

using calls = std::map<std::string, double>;

/// Neither swept nor given up while a test counts.
tuning calm() {
  tuning t;
  t.lease = 60s;
  return t;
}

/// Lines "cmdstat_NAME:calls=NUMBER,...".
void add_calls(calls& to, server& of) {
  std::istringstream lines(of.ask({"INFO", "commandstats"}));
  for (std::string line; std::getline(lines, line);) {
    const auto name = line.find("cmdstat_"), colon = line.find(":calls=");
    if (name == 0 && colon != std::string::npos) to[line.substr(8, colon - 8)] += std::stod(line.substr(colon + 7));
  }
}

struct cost {
  double xadds = 0, commands = 0; ///< of each publication
};

/// Publishes one after the other to channels with a subscriber on node 1.
cost of_publications(cluster& f, const std::function<calls()>& count) {
  constexpr int publications = 240;
  std::vector<std::string> channels;
  for (int i = 0; i < 24; ++i) {
    channels.push_back("c" + std::to_string(i));
    subscribe(f, 1, channels.back(), long_log);
    append(f, 0, channels.back(), long_log, said("first"));
  }
  const auto between = [&](const auto& act) {
    auto before = count();
    act();
    auto out = count();
    for (auto& [name, number] : out) number -= before[name];
    return out;
  };
  // XTRIM is called once in each renewal and nowhere else. What looks around and what waits isn't counted.
  const auto sum = [](const calls& of) {
    double all = 0;
    for (const auto& [name, number] : of)
      if (name != "xread" && name != "info" && name != "cluster|nodes" && name != "ping") all += number;
    return all;
  };
  const auto idle = between([&] { f.until([] { return false; }, 1500ms); });
  const auto renewal = sum(idle) / idle.at("xtrim");
  auto busy = between([&] {
    for (int i = 0; i < publications; ++i)
      append_only(f, 0, channels[static_cast<std::size_t>(i) % channels.size()], long_log, said("a"));
  });
  return {busy["xadd"] / publications, (sum(busy) - renewal * busy["xtrim"]) / publications};
}

cost on_one(unsigned partitions, bool quiet_node) {
  server redis;
  cluster f(redis, calm(), {}, partitions);
  if (!quiet_node) f.end(2);
  return of_publications(f, [&] {
    calls all;
    add_calls(all, redis);
    return all;
  });
}

cost on_three(bool quiet_node) {
  redis_cluster servers({3, 0});
  cluster f(servers.at(0), calm(), servers.url(), 12);
  if (!quiet_node) f.end(2);
  return of_publications(f, [&] {
    calls all;
    for (std::size_t i = 0; i < servers.size(); ++i) add_calls(all, servers.at(i));
    return all;
  });
}

} // namespace

TEST_CASE("commands: a publication costs the same on one server and on three, with quiet nodes and without") {
  const auto usual = on_one(1, false);
  CHECK(usual.xadds == 2); // the log, and the inbox of the node that has the subscriber
  CHECK(usual.commands > 5);
  CHECK(usual.commands < 20);
  for (const auto& each : {on_one(1, true), on_one(12, false), on_one(12, true), on_three(false), on_three(true)}) {
    CHECK(each.xadds == 2);
    CHECK(each.commands == doctest::Approx(usual.commands).epsilon(0.02));
  }
}
