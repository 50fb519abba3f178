#pragma once
// Counters that cost an addition: each thread adds to a slab of its own, a scrape sums the slabs. Defined once, as
// constants at namespace scope of the file that counts; names follow Prometheus (`plexus_..._total`, base units).

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::runtime::metrics {

/// What `render` adds: a value asked for at scrape time.
struct sample {
  std::string name, help;
  double value = 0;
  bool counter = false;
};

/// Only rises. With a label: one counter for each of its values, in the order given.
class counter {
public:
  counter(std::string_view name, std::string_view help);
  counter(std::string_view name, std::string_view help, std::string_view label, std::vector<std::string> values);
  /// `which`: index of the label's value. Any thread.
  void add(std::uint64_t amount = 1, std::size_t which = 0) const noexcept;
  /// The sum over all threads; for tests and inspection.
  [[nodiscard]] std::uint64_t value(std::size_t which = 0) const noexcept;

private:
  std::size_t first_;
};

/// Goes up and down; the sum over all threads is the value.
class gauge {
public:
  gauge(std::string_view name, std::string_view help);
  void add(std::int64_t amount) const noexcept;
  [[nodiscard]] std::int64_t value() const noexcept;

private:
  std::size_t cell_;
};

/// Counts observations in buckets; bounds are upper and in the metric's unit.
class histogram {
public:
  histogram(std::string_view name, std::string_view help, std::vector<double> bounds);
  void observe(double value, std::uint64_t times = 1) const noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept;

private:
  std::vector<double> bounds_;
  std::size_t first_; ///< buckets, then the overflow bucket, then the sum in nanounits
};

/// One metric as it stands. A counter with a label has one for each of the label's values.
struct reading {
  std::string name;
  std::string label;                   ///< the label's value; empty: none
  double value = 0;                    ///< of a histogram: how many were observed
  std::vector<double> bounds;          ///< of a histogram, upper ones
  std::vector<std::uint64_t> observed; ///< by bucket, one more than `bounds`: the last is beyond them
};
/// The metrics of these names, in their order; of one that isn't there, nothing. Any thread.
std::vector<reading> read(std::span<const std::string_view> names);

/// All metrics in Prometheus' text format, and `extra`. Any thread.
std::string render(const std::vector<sample>& extra);

} // namespace plexus::runtime::metrics
