#pragma once
// One line an event, as text or JSON, to standard error or standard output. spdlog does the work behind this
// header. Values are escaped (no line breaks from the outside), and no secret is ever given to it.

#include "config/settings.hpp"

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plexus::runtime::log {

/// A named value of an event; numbers are written as numbers in JSON.
struct field {
  field(std::string_view n, std::string_view v) : name(n), value(v), quoted(true) {}
  field(std::string_view n, const char* v) : name(n), value(v), quoted(true) {}
  field(std::string_view n, const std::string& v) : name(n), value(v), quoted(true) {}
  template <class T>
  requires std::is_arithmetic_v<T> field(std::string_view n, T v) :
      name(n), value(std::to_string(v)), quoted(false) {}

  std::string_view name;
  std::string value;
  bool quoted;
};

using fields = std::initializer_list<field>;

/// Before the first line and at a reload. Until then: info, text, standard error.
void configure(const config::log_section& how);
[[nodiscard]] bool enabled(config::log_level level) noexcept;

/// `part`: the subsystem (`transport`, `node`, ...). Any thread.
void write(config::log_level level, std::string_view part, std::string_view event, fields what = {});

// What was logged lately, for inspection: warnings, errors and what was slow always, the rest while somebody
// watches.

struct line {
  std::uint64_t number = 0;          ///< rises by one a line kept
  std::chrono::milliseconds time{0}; ///< since 1970
  std::string level;                 ///< as `log.level` takes it, or "slow"
  std::string part, event;
  std::vector<std::pair<std::string, std::string>> fields;
};

/// Of warnings, errors and what was slow; and as many of the other lines, which never push those out.
inline constexpr std::size_t kept_lines = 500;
struct recent_lines {
  std::vector<line> lines;   ///< in the order in which they were written
  std::uint64_t last = 0;    ///< what to give as `after` to go on
  std::uint64_t dropped = 0; ///< written since `after`, but not kept or beyond `most`
};
/// Those with a number above `after`, of `level` or worse ("slow": that alone), the newest `most` of them. `after`
/// 0: what was before isn't `dropped`. Numbers of a process that runs later are higher. Any thread.
recent_lines recent(std::uint64_t after, std::size_t most, std::string_view level);
/// Until then lines of every level that is written are kept. Any thread.
void keep_all_until(std::chrono::steady_clock::time_point until);
/// Something took longer than it should: kept for those who look, not written. Any thread.
void note_slow(std::string_view part, std::string_view event, fields what);
/// The level in use.
[[nodiscard]] config::log_level level() noexcept;

inline void debug(std::string_view part, std::string_view event, fields what = {}) {
  write(config::log_level::debug, part, event, what);
}
inline void info(std::string_view part, std::string_view event, fields what = {}) {
  write(config::log_level::info, part, event, what);
}
inline void warn(std::string_view part, std::string_view event, fields what = {}) {
  write(config::log_level::warn, part, event, what);
}
inline void error(std::string_view part, std::string_view event, fields what = {}) {
  write(config::log_level::error, part, event, what);
}

} // namespace plexus::runtime::log
