#pragma once
// Traces under way on this node: what is looked at, and what was seen since it was last asked for. Each loop keeps
// its own and nothing is shared while things happen. A trace that nobody asks for ends by itself.

#include "actors/admin/fwd.hpp"
#include "actors/admin/host.hpp"
#include "actors/admin/workroom.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace plexus::admin {

/// What one trace looks at: exactly one of the three, and whether payloads are shown.
struct trace_subject {
  std::string client, user, channel;
  bool payloads = false;
};

class trace_board {
public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::size_t max_traces = 8; ///< of a node; more are refused
  static constexpr std::size_t max_kept = 500; ///< steps a loop keeps for one trace; the oldest go, and are counted
  static constexpr std::size_t max_payload = 1024;           ///< bytes of a payload that are shown
  static constexpr std::chrono::seconds forgotten_after{15}; ///< not asked for

  explicit trace_board(const environment& env, workroom elsewhere = workroom());
  ~trace_board();

  /// Any loop; `done` there. Begins the trace of that name where there is none, and gives what was seen since it
  /// was asked for last: `{"steps": [...], "dropped": n}`. An error where there are too many.
  void take(const std::string& name, const trace_subject& of, answered done);
  void end(const std::string& name);
  /// Ends those that nobody asks for.
  void tick(time_point now);

private:
  struct on_loop;
  void begin(const std::string& name, const trace_subject& of);

  const environment& env_;
  workroom elsewhere_;
  std::mutex mutex_;
  std::map<std::string, time_point> asked_; ///< guarded
  std::vector<std::unique_ptr<on_loop>> loops_;
};

} // namespace plexus::admin
