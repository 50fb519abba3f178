// Of desk: the node as a whole.

#include "actors/admin/desk.hpp"
#include "actors/admin/walk.hpp"
#include "actors/runtime/log.hpp"

#include <nlohmann/json.hpp>

#include <dirent.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace plexus::admin {

namespace {

using clock = std::chrono::steady_clock;

double milliseconds_of(clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

double seconds_of(std::chrono::milliseconds d) {
  return std::chrono::duration<double>(d).count();
}

/// Resident memory, in bytes.
std::size_t resident() {
  std::size_t total = 0, pages = 0;
  if (auto* f = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(f, "%zu %zu", &total, &pages) != 2) pages = 0;
    std::fclose(f);
  }
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

json load() {
  std::array<double, 3> all{};
  auto out = json::array();
  if (::getloadavg(all.data(), 3) == 3)
    for (auto l : all) out.push_back(l);
  return out;
}

std::string_view name_of(config::log_level l) {
  static constexpr std::string_view names[] = {"trace", "debug", "info", "warn", "error"};
  return names[static_cast<std::size_t>(l)];
}

} // namespace

void desk::node(params& p, answered done) {
  p.done();
  auto loops = std::make_shared<std::vector<json>>(env_.loops.size());
  auto finish = [this, loops, done = std::move(done)] {
    const auto now = env_.node.now();
    auto obstacles = json::array();
    for (auto& o : now.obstacles) obstacles.push_back(o);
    auto health = env_.plane.check();
    json out{{"node", env_.name},
             {"uid", env_.uid},
             {"version", env_.version},
             {"pid", ::getpid()},
             {"time", std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count()},
             {"uptime", static_cast<double>(now.uptime.count()) / 1000},
             {"state", now.state},
             {"ready", now.obstacles.empty()},
             {"obstacles", std::move(obstacles)},
             {"clients", now.clients},
             {"max_clients", now.max_clients},
             {"lease", now.lease.count() == 0
                           ? json(nullptr)
                           : json{{"seconds", seconds_of(now.lease)}, {"renewed", seconds_of(now.lease_age)}}},
             {"memory", resident()},
             {"load", load()},
             {"log_level", name_of(runtime::log::level())},
             {"backplane", {{"ready", health.ready}, {"message", health.message}}},
             {"loops", *loops},
             {"figures", recorder_.now()}};
    std::size_t channels = 0;
    for (auto& l : *loops) channels += l["channels"].get<std::size_t>();
    out["channels"] = channels;
    done(result_of(std::move(out)));
  };
  auto all = std::make_shared<gathering>(env_.loops, env_.loops.size(), std::move(finish));
  for (unsigned i = 0; i < env_.loops.size(); ++i) {
    auto& loop = env_.loops.at(i);
    const auto waiting = loop.in_inbox();
    // How long this waits is how long anything waits.
    loop.post([this, i, &loop, loops, all, waiting, asked = clock::now()] {
      (*loops)[i] = {{"loop", i},
                     {"lag", milliseconds_of(clock::now() - asked)},
                     {"connections", env_.transports[i]->sockets.load()},
                     {"clients", env_.clients.on(loop).clients()},
                     {"channels", env_.channels.table(loop).all().size()},
                     {"inbox", waiting},
                     {"runnable", loop.ready()},
                     {"timers", loop.armed()}};
      all->one_is_done();
    });
  }
}

void desk::past(params& p, answered done) {
  const auto after = p.number("after", 0, 0, INT64_MAX);
  p.done();
  elsewhere_.run(
      [this, after] {
        auto out = recorder_.past(after);
        out["node"] = env_.name;
        return result_of(std::move(out));
      },
      std::move(done));
}

void desk::logs(params& p, answered done) {
  const auto after = p.number("after", 0, 0, INT64_MAX);
  const auto most = p.number("limit", 100, 1, static_cast<std::int64_t>(runtime::log::kept_lines));
  const auto level = p.one_of("level", "info", {"trace", "debug", "info", "warn", "error", "slow"});
  p.done();
  // Whoever asks twice within this time sees everything in between.
  runtime::log::keep_all_until(clock::now() + std::chrono::seconds(15));
  elsewhere_.run(
      [this, after, most, level] {
        auto recent =
            runtime::log::recent(static_cast<std::uint64_t>(after), static_cast<std::size_t>(most), level);
        auto lines = json::array();
        for (auto& l : recent.lines) {
          auto fields = json::object();
          for (auto& [name, value] : l.fields) fields[name] = value;
          lines.push_back({{"time", l.time.count()},
                           {"node", env_.name},
                           {"level", l.level},
                           {"part", l.part},
                           {"event", l.event},
                           {"fields", std::move(fields)}});
        }
        return result_of({{"lines", std::move(lines)}, {"cursor", recent.last}, {"dropped", recent.dropped}});
      },
      std::move(done));
}

} // namespace plexus::admin
