#pragma once
// How long the actors of a loop take, while somebody wants to know. Pure.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::runtime {

class handler_times {
public:
  using clock = std::chrono::steady_clock;
  static constexpr std::size_t kept = 20; ///< of the slowest runs

  struct share {
    std::uint64_t runs = 0; ///< an actor's turn: up to a hundred messages
    std::chrono::nanoseconds total{0}, longest{0};
  };
  struct slow_run {
    std::string_view kind; ///< a literal
    std::string name;
    std::chrono::nanoseconds took{0};
  };

  explicit handler_times(clock::time_point now) : since(now) {}

  /// True when the run is one of the slowest so far: then `keep` wants its name.
  bool add(std::string_view kind, std::chrono::nanoseconds took) {
    auto& s = by_kind[kind];
    ++s.runs;
    s.total += took;
    s.longest = std::max(s.longest, took);
    return slowest.size() < kept || took > slowest.back().took;
  }
  void keep(std::string_view kind, std::string name, std::chrono::nanoseconds took) {
    auto behind = [&](const slow_run& other) { return other.took < took; };
    slowest.insert(std::find_if(slowest.begin(), slowest.end(), behind), {kind, std::move(name), took});
    if (slowest.size() > kept) slowest.pop_back();
  }

  clock::time_point since;
  std::map<std::string_view, share> by_kind;
  std::vector<slow_run> slowest; ///< the slowest first
};

} // namespace plexus::runtime
