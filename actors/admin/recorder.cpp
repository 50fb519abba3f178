#include "actors/admin/recorder.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace plexus::admin {

using runtime::metrics::reading;

namespace {

constexpr std::array<std::string_view, 13> sources{
    "plexus_clients",
    "plexus_channels",
    "plexus_queue_bytes",
    "plexus_messages_received_total",
    "plexus_messages_sent_total",
    "plexus_publications_total",
    "plexus_received_bytes_total",
    "plexus_sent_bytes_total",
    "plexus_slow_clients_total",
    "plexus_publish_to_write_seconds",
    "plexus_loop_turn_seconds",
    "plexus_backplane_round_trip_seconds",
    "plexus_backplane_inbox_lag_seconds",
};

const reading* find(const std::vector<reading>& in, std::string_view name) {
  auto at = std::find_if(in.begin(), in.end(), [&](auto& r) { return r.name == name; });
  return at == in.end() ? nullptr : &*at;
}

std::vector<std::uint64_t> since(const reading& now, const reading* before) {
  auto out = now.observed;
  if (before)
    for (std::size_t i = 0; i < out.size() && i < before->observed.size(); ++i) out[i] -= before->observed[i];
  return out;
}

} // namespace

const std::array<std::string_view, recorder::columns> recorder::names{
    "clients",   "channels",    "queue_bytes", "messages_in", "messages_out", "publications", "bytes_in",
    "bytes_out", "slow_closed", "publish_p50", "publish_p99", "turn_p99",     "backplane_p99"};

double quantile(const std::vector<double>& bounds, const std::vector<std::uint64_t>& counts, double q) {
  std::uint64_t all = 0;
  for (auto c : counts) all += c;
  if (all == 0) return 0;
  const auto wanted = q * static_cast<double>(all);
  double seen = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && seen + here >= wanted) {
      if (i >= bounds.size()) return bounds.empty() ? 0 : bounds.back(); // beyond the last bound
      const auto from = i == 0 ? 0 : bounds[i - 1];
      return from + (bounds[i] - from) * (wanted - seen) / here;
    }
    seen += here;
  }
  return bounds.empty() ? 0 : bounds.back();
}

void recorder::tick(time_point now) {
  if (last_ != time_point{} && now - last_ < every) return;
  auto current = runtime::metrics::read(sources);
  if (last_ != time_point{}) {
    const auto seconds = std::chrono::duration<double>(now - last_).count();
    auto value = [&](std::string_view name) {
      const auto* r = find(current, name);
      return r ? r->value : 0.0;
    };
    auto rate = [&](std::string_view name) {
      const auto* b = find(before_, name);
      return (value(name) - (b ? b->value : 0)) / seconds;
    };
    auto at = [&](std::string_view name, double q) {
      const auto* r = find(current, name);
      return r ? quantile(r->bounds, since(*r, find(before_, name)), q) : 0.0;
    };
    sample s;
    s.time =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    s.values = {value("plexus_clients"),
                value("plexus_channels"),
                value("plexus_queue_bytes"),
                rate("plexus_messages_received_total"),
                rate("plexus_messages_sent_total"),
                rate("plexus_publications_total"),
                rate("plexus_received_bytes_total"),
                rate("plexus_sent_bytes_total"),
                rate("plexus_slow_clients_total"),
                at("plexus_publish_to_write_seconds", 0.5),
                at("plexus_publish_to_write_seconds", 0.99),
                at("plexus_loop_turn_seconds", 0.99),
                at("plexus_backplane_round_trip_seconds", 0.99)};
    std::lock_guard guard(mutex_);
    samples_.push_back(s);
    if (samples_.size() > kept) samples_.pop_front();
  }
  before_ = std::move(current);
  last_ = now;
}

json recorder::past(std::int64_t after) const {
  std::lock_guard guard(mutex_);
  auto rows = json::array();
  for (auto& s : samples_) {
    if (s.time <= after) continue;
    json row = json::array({s.time});
    for (auto v : s.values) row.push_back(v);
    rows.push_back(std::move(row));
  }
  auto columns_named = json::array({"time"});
  for (auto n : names) columns_named.push_back(n);
  return {{"every", std::chrono::milliseconds(every).count()},
          {"names", std::move(columns_named)},
          {"samples", std::move(rows)}};
}

json recorder::now() const {
  std::lock_guard guard(mutex_);
  auto out = json::object();
  if (samples_.empty()) return out;
  for (std::size_t i = 0; i < columns; ++i) out[std::string(names[i])] = samples_.back().values[i];
  return out;
}

} // namespace plexus::admin
