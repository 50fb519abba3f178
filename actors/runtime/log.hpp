#pragma once
// One line an event, as text or JSON, to standard error or standard output. spdlog does the work behind this
// header. Values are escaped (no line breaks from the outside), and no secret is ever given to it.

#include "config/settings.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

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
