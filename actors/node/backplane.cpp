// Which backplane a node has, and how it comes up.

#include "actors/node/parts.hpp"

namespace plexus::node {

std::chrono::milliseconds unix_time() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

namespace {

bool in_process(const config::settings& s) {
  return s.backplane.url == "memory:";
}

backplane::redis::options redis_options(const config::settings& s, const std::string& uid,
                                        const std::string& name) {
  const auto& from = s.backplane;
  auto parsed = backplane::redis::parse_address(from.url);
  if (const auto* wrong = std::get_if<std::string>(&parsed)) throw bad_settings("backplane.url: " + *wrong);
  backplane::redis::options out;
  out.where = std::get<backplane::redis::address>(std::move(parsed));
  if (!from.password.empty()) out.where.login.password = from.password;
  out.tls = {from.tls_ca, from.tls_certificate, from.tls_key, from.tls_server_name};
  out.partitions = from.partitions > 0 ? from.partitions : backplane::redis::usual_partitions(out.where);
  out.connect_timeout = from.connect_timeout;
  out.uid = uid;
  out.node_name = name;
  out.times.lease = from.lease;
  out.times.hold = from.hold;
  out.times.max_pending = from.max_pending;
  return out;
}

} // namespace

std::optional<config::fault> backplane_fault(const config::settings& settings, const config::origins& where) {
  if (in_process(settings)) return std::nullopt;
  auto parsed = backplane::redis::parse_address(settings.backplane.url);
  const auto* wrong = std::get_if<std::string>(&parsed);
  if (!wrong) return std::nullopt;
  constexpr auto key = "backplane.url";
  const auto source = where.find(key);
  // The address may carry a password.
  return config::fault{source == where.end() ? "" : source->second, key, "one that can't be used (" + *wrong + ")",
                       "an address such as redis://host:6379/0"};
}

std::unique_ptr<backplane::backplane> node::parts::make_plane(const config::settings& s) {
  backplane::backplane::executor run = [this](std::string_view channel, backplane::backplane::task work) {
    auto& home = loops.of(channel);
    if (home.here())
      home.defer([work = std::move(work)] { work(); });
    else
      home.post([work = std::move(work)] { work(); });
  };
  if (in_process(s))
    return std::make_unique<backplane::memory_backplane>(std::make_shared<backplane::memory_store>(), uid, listener,
                                                         std::move(run), unix_time, name);
  // Not the loop that accepts clients, where there is another.
  auto& home = loops.at(loops.size() - 1);
  auto made = std::make_unique<backplane::redis::redis_backplane>(home, redis_options(s, uid, name), listener,
                                                                  std::move(run));
  redis = made.get();
  return made;
}

void node::parts::start_backplane(std::function<void()> then) {
  if (!redis) return then();
  loops.at(loops.size() - 1).post([this, then = std::move(then)] {
    redis->start([this, then](const backplane::redis::start_result& how) {
      loops.at(0).post([this, then, how] {
        if (now == phase::ended) return;
        if (how.fault.empty()) return then();
        if (how.bad_configuration)
          failure = std::make_exception_ptr(bad_settings(how.fault));
        else
          failure = std::make_exception_ptr(std::runtime_error("the backplane can't be reached: " + how.fault));
        end();
      });
    });
  });
}

} // namespace plexus::node
