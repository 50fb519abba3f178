// What the backplane says and counts when a server is lost: once for each server, not for each partition.

#include "actors/runtime/log.hpp"
#include "actors/runtime/metrics.hpp"
#include "tests/backplane/redis/cluster.hpp"
#include "tests/backplane/redis/redis_cluster.hpp"

#include <doctest/doctest.h>

using namespace plexus::backplane;
using namespace plexus::backplane::contract;
using namespace plexus::backplane::redis::testing;
namespace logged = plexus::runtime::log;

namespace {

constexpr unsigned parts = 6;

/// The lines that were written since it was made.
class log_reader {
public:
  log_reader() : last_(logged::recent(0, 1, "warn").last) {}
  [[nodiscard]] std::vector<logged::line> lines(std::string_view event) const {
    std::vector<logged::line> out;
    for (auto& each : logged::recent(last_, logged::kept_lines, "warn").lines)
      if (each.event.find(event) != std::string::npos) out.push_back(std::move(each));
    return out;
  }

private:
  std::uint64_t last_;
};

std::string value_of(const logged::line& of, std::string_view name) {
  for (const auto& [key, value] : of.fields)
    if (key == name) return value;
  return {};
}

double generations(const std::string& reason) {
  static constexpr std::string_view name[] = {"plexus_backplane_generations_total"};
  for (const auto& each : plexus::runtime::metrics::read(name))
    if (each.label == reason) return each.value;
  return 0;
}

bool all_well(cluster& f) {
  return f.until(
      [&] {
        return f.node(0).check().message.empty() && f.node(1).check().message.empty() &&
               f.node(2).check().message.empty();
      },
      15s);
}

} // namespace

TEST_CASE(
    "reports: a Redis that was restarted is a line for each node, with its address, and counted by partition") {
  server redis;
  cluster f(redis, quick(), {}, parts);
  const log_reader log;
  const auto restarted = generations("restarted"), lost = generations("lost");
  redis.kill_hard();
  CHECK(f.until([&] { return !f.node(0).check().ready && !f.node(1).check().ready && !f.node(2).check().ready; }));
  redis.start();
  CHECK(all_well(f));
  for (const auto* event : {"closed and opened again", "a new generation begins"}) {
    const auto lines = log.lines(event);
    CHECK(lines.size() == 3);
    for (const auto& each : lines) {
      CHECK(value_of(each, "address") == redis.address());
      CHECK(value_of(each, "partition").starts_with("p"));
      CHECK(!value_of(each, "reason").empty());
    }
  }
  CHECK(generations("restarted") - restarted == 3 * parts);
  CHECK(generations("lost") == lost);
}

TEST_CASE("reports: keys that are gone from a Redis that runs on are another reason") {
  server redis;
  cluster f(redis, quick(), {}, parts);
  const auto lost = generations("lost");
  redis.ask({"FLUSHALL"});
  CHECK(f.until([&] { return generations("lost") - lost == 3 * parts; }));
  CHECK(all_well(f));
}

TEST_CASE("reports: scripts are sent once for each connection, however many partitions share it") {
  server redis;
  {
    const cluster f(redis, quick(), {}, parts);
    CHECK(f.started(0).fault.empty());
    const auto text = redis.ask({"INFO", "commandstats"});
    const auto at = text.find("cmdstat_script|load:calls=");
    REQUIRE(at != std::string::npos);
    CHECK(std::stoi(text.substr(at + 26)) == 3 * 4);
  }
  // A server that has forgotten them between two connects is told them again.
  cluster f(redis, quick(), {}, parts);
  redis.ask({"SCRIPT", "FLUSH"});
  f.on_loop(0, [&] { f.plane(0).cut(); });
  CHECK(all_well(f));
  append(f, 0, "c", long_log, said("a"));
  f.on_loop(0, [&] { f.plane(0).cut(); });
  CHECK(append(f, 0, "c", long_log, said("b")).at.offset == 2);
}
