// Of desk: the backplane, as this node sees it.

#include "actors/admin/desk.hpp"
#include "actors/runtime/log.hpp"

#include <nlohmann/json.hpp>

#include <charconv>

namespace plexus::admin {

namespace {

/// Of "NAME:VALUE" lines, or of "NAME=VALUE" between commas; null where there is none.
json number_in(std::string_view text, std::string_view name, char mark) {
  for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const bool begins = at == 0 || text[at - 1] == '\n' || text[at - 1] == ',' || text[at - 1] == ':';
    const auto value = at + name.size() + 1;
    if (!begins || value > text.size() || text[value - 1] != mark) continue;
    double n = 0;
    const auto [end, fault] = std::from_chars(text.data() + value, text.data() + text.size(), n);
    if (fault == std::errc() && end != text.data() + value) return n;
  }
  return nullptr;
}

/// What all of the node's work in Redis is: calls of its scripts.
json scripts_json(std::string_view commands) {
  json out = nullptr;
  for (const std::string_view name : {"cmdstat_evalsha", "cmdstat_eval"}) {
    const auto at = commands.find(std::string(name) + ":");
    if (at == std::string_view::npos) continue;
    const auto line = commands.substr(at, commands.find('\n', at) - at);
    out[std::string(name.substr(8))] = {{"calls", number_in(line, "calls", '=')},
                                        {"mean_us", number_in(line, "usec_per_call", '=')},
                                        {"failed", number_in(line, "failed_calls", '=')},
                                        {"rejected", number_in(line, "rejected_calls", '=')}};
  }
  return out;
}

json server_json(const host::server& s) {
  return {{"address", s.address},
          {"partitions", s.partitions},
          {"ready", s.ready},
          {"message", s.message},
          {"lease_renewed", std::chrono::duration<double>(s.lease_age).count()},
          {"inbox", s.inbox},
          {"pending", s.pending},
          {"memory", number_in(s.memory, "used_memory", ':')},
          {"max_memory", number_in(s.memory, "maxmemory", ':')},
          {"scripts", scripts_json(s.commands)}};
}

} // namespace

void desk::backplane(params& p, answered done) {
  p.done();
  const auto settings = env_.node.settings();
  const auto health = env_.plane.check();
  const auto& url = settings->backplane.url;
  // What stands between the scheme and the address may be a password.
  auto rest = url.find("//") == std::string::npos ? std::string() : url.substr(url.find("//") + 2);
  if (auto at = rest.rfind('@'); at != std::string::npos) rest.erase(0, at + 1);
  rest = rest.substr(0, rest.find('?'));
  auto figures = json::object();
  for (auto& s : env_.node.samples())
    if (s.name.starts_with("plexus_backplane_")) figures[s.name] = s.value;
  static constexpr std::string_view counted[] = {"plexus_backplane_received_total",
                                                 "plexus_backplane_connects_total",
                                                 "plexus_backplane_doubts_total",
                                                 "plexus_backplane_registrations_total",
                                                 "plexus_backplane_channels_in_doubt_total",
                                                 "plexus_backplane_script_errors_total",
                                                 "plexus_backplane_given_up_total",
                                                 "plexus_backplane_overflow_total",
                                                 "plexus_backplane_cleaned_members_total"};
  for (auto& r : runtime::metrics::read(counted))
    figures[r.name + (r.label.empty() ? "" : "{" + r.label + "}")] = r.value;
  static constexpr std::string_view timed[] = {"plexus_backplane_round_trip_seconds",
                                               "plexus_backplane_inbox_lag_seconds"};
  auto times = json::object();
  for (auto& r : runtime::metrics::read(timed))
    times[r.name] = {{"count", r.value},
                     {"p50", quantile(r.bounds, r.observed, 0.5)},
                     {"p99", quantile(r.bounds, r.observed, 0.99)}};
  auto out = std::make_shared<json>(json{{"node", env_.name},
                                         {"ready", health.ready},
                                         {"message", health.message},
                                         {"kind", url.substr(0, url.find(':'))},
                                         {"servers", rest},
                                         {"figures", std::move(figures)},
                                         {"times", std::move(times)}});
  env_.node.servers([this, out, done = std::move(done)](const std::vector<host::server>& servers) {
    auto put_together = [out, servers] {
      auto list = json::array(), errors = json::array();
      for (auto& s : servers) list.push_back(server_json(s));
      for (auto& l : runtime::log::recent(0, runtime::log::kept_lines, "warn").lines)
        if (l.part == "backplane" || l.part == "redis")
          errors.push_back({{"time", l.time.count()}, {"event", l.event}});
      (*out)["primaries"] = std::move(list);
      (*out)["last_errors"] = std::move(errors);
      return result_of(std::move(*out));
    };
    elsewhere_.run(std::move(put_together), done);
  });
}

} // namespace plexus::admin
