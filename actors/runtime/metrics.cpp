#include "actors/runtime/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>

namespace plexus::runtime::metrics {

namespace {

constexpr std::size_t slab_cells = 512;

// One writer (its thread), many readers: relaxed loads and stores compile to plain ones, without a bus lock.
struct slab {
  std::array<std::atomic<std::uint64_t>, slab_cells> cells{};
};

struct definition {
  enum class kind { counter, gauge, histogram } what;
  std::string name, help, label;
  std::vector<std::string> values;
  std::vector<double> bounds;
  std::size_t first;
};

struct book {
  std::mutex mutex;
  std::vector<definition> definitions;
  std::vector<std::shared_ptr<slab>> slabs; // kept after their thread ends: counters never go back
  std::size_t used = 0;
};

book& the_book() {
  static auto* b = new book; // never destroyed: threads may count until the very end
  return *b;
}

slab& mine() {
  thread_local std::shared_ptr<slab> own = [] {
    auto s = std::make_shared<slab>();
    auto& b = the_book();
    std::lock_guard guard(b.mutex);
    b.slabs.push_back(s);
    return s;
  }();
  return *own;
}

std::size_t define(definition d, std::size_t cells) {
  auto& b = the_book();
  std::lock_guard guard(b.mutex);
  if (b.used + cells > slab_cells) throw std::length_error("metrics: raise slab_cells");
  d.first = b.used;
  b.used += cells;
  b.definitions.push_back(std::move(d));
  return b.used - cells;
}

void bump(std::size_t cell, std::uint64_t amount) noexcept {
  auto& c = mine().cells[cell];
  c.store(c.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

std::uint64_t total_locked(const book& b, std::size_t cell) noexcept {
  std::uint64_t sum = 0;
  for (auto& s : b.slabs) sum += s->cells[cell].load(std::memory_order_relaxed);
  return sum;
}

std::uint64_t total(std::size_t cell) noexcept {
  auto& b = the_book();
  std::lock_guard guard(b.mutex);
  return total_locked(b, cell);
}

prometheus::ClientMetric::Bucket bucket(std::uint64_t count, double bound) {
  prometheus::ClientMetric::Bucket out;
  out.cumulative_count = count;
  out.upper_bound = bound;
  return out;
}

void fill_histogram(const book& b, const definition& d, prometheus::MetricFamily& family) {
  prometheus::ClientMetric m;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < d.bounds.size(); ++i) {
    seen += total_locked(b, d.first + i);
    m.histogram.bucket.push_back(bucket(seen, d.bounds[i]));
  }
  seen += total_locked(b, d.first + d.bounds.size());
  m.histogram.sample_count = seen;
  m.histogram.sample_sum = static_cast<double>(total_locked(b, d.first + d.bounds.size() + 1)) / 1e9;
  family.type = prometheus::MetricType::Histogram;
  family.metric.push_back(std::move(m));
}

} // namespace

counter::counter(std::string_view name, std::string_view help) :
    first_(define({definition::kind::counter, std::string(name), std::string(help), {}, {}, {}, 0}, 1)) {}

counter::counter(std::string_view name, std::string_view help, std::string_view label,
                 std::vector<std::string> values) :
    first_(0) {
  auto cells = values.size();
  first_ = define({definition::kind::counter,
                   std::string(name),
                   std::string(help),
                   std::string(label),
                   std::move(values),
                   {},
                   0},
                  cells);
}

void counter::add(std::uint64_t amount, std::size_t which) const noexcept {
  bump(first_ + which, amount);
}
std::uint64_t counter::value(std::size_t which) const noexcept {
  return total(first_ + which);
}

gauge::gauge(std::string_view name, std::string_view help) :
    cell_(define({definition::kind::gauge, std::string(name), std::string(help), {}, {}, {}, 0}, 1)) {}
void gauge::add(std::int64_t amount) const noexcept {
  bump(cell_, static_cast<std::uint64_t>(amount));
}
std::int64_t gauge::value() const noexcept {
  return static_cast<std::int64_t>(total(cell_));
}

histogram::histogram(std::string_view name, std::string_view help, std::vector<double> bounds) :
    bounds_(std::move(bounds)),
    first_(define({definition::kind::histogram, std::string(name), std::string(help), {}, {}, bounds_, 0},
                  bounds_.size() + 2)) {}

void histogram::observe(double value, std::uint64_t times) const noexcept {
  auto which = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  bump(first_ + static_cast<std::size_t>(which), times);
  bump(first_ + bounds_.size() + 1, static_cast<std::uint64_t>(value * 1e9) * times);
}

std::uint64_t histogram::count() const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= bounds_.size(); ++i) sum += total(first_ + i);
  return sum;
}

std::vector<reading> read(std::span<const std::string_view> names) {
  std::vector<reading> out;
  auto& b = the_book();
  std::lock_guard guard(b.mutex);
  for (auto name : names) {
    auto found = std::find_if(b.definitions.begin(), b.definitions.end(), [&](auto& d) { return d.name == name; });
    if (found == b.definitions.end()) continue;
    auto& d = *found;
    if (d.what == definition::kind::histogram) {
      reading r{d.name, {}, 0, d.bounds, {}};
      for (std::size_t i = 0; i <= d.bounds.size(); ++i) {
        r.observed.push_back(total_locked(b, d.first + i));
        r.value += static_cast<double>(r.observed.back());
      }
      out.push_back(std::move(r));
      continue;
    }
    for (std::size_t i = 0; i < std::max<std::size_t>(d.values.size(), 1); ++i) {
      auto v = total_locked(b, d.first + i);
      auto value = d.what == definition::kind::gauge ? static_cast<double>(static_cast<std::int64_t>(v))
                                                     : static_cast<double>(v);
      out.push_back({d.name, d.values.empty() ? std::string() : d.values[i], value, {}, {}});
    }
  }
  return out;
}

std::string render(const std::vector<sample>& extra) {
  std::vector<prometheus::MetricFamily> families;
  auto& b = the_book();
  {
    std::lock_guard guard(b.mutex);
    for (auto& d : b.definitions) {
      prometheus::MetricFamily family{d.name, d.help, prometheus::MetricType::Counter, {}};
      if (d.what == definition::kind::histogram) {
        fill_histogram(b, d, family);
      } else {
        for (std::size_t i = 0; i < std::max<std::size_t>(d.values.size(), 1); ++i) {
          prometheus::ClientMetric m;
          if (!d.values.empty()) m.label.push_back({d.label, d.values[i]});
          auto v = total_locked(b, d.first + i);
          if (d.what == definition::kind::gauge) {
            family.type = prometheus::MetricType::Gauge;
            m.gauge.value = static_cast<double>(static_cast<std::int64_t>(v));
          } else {
            m.counter.value = static_cast<double>(v);
          }
          family.metric.push_back(std::move(m));
        }
      }
      families.push_back(std::move(family));
    }
  }
  for (auto& s : extra) {
    prometheus::ClientMetric m;
    (s.counter ? m.counter.value : m.gauge.value) = s.value;
    families.push_back({s.name,
                        s.help,
                        s.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge,
                        {std::move(m)}});
  }
  return prometheus::TextSerializer{}.Serialize(families);
}

} // namespace plexus::runtime::metrics
