#include "actors/runtime/log.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>

namespace plexus::runtime::log {

namespace {

// Levels are printed by the names that `log.level` takes, not by spdlog's.
class level_name final : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    static constexpr std::string_view names[] = {"trace", "debug", "info", "warn", "error", "error", "off"};
    auto name = names[message.level];
    out.append(name.data(), name.data() + name.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<level_name>(); }
};

void use_pattern(spdlog::logger& on, const char* pattern) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<level_name>('*').set_pattern(pattern);
  on.set_formatter(std::move(formatter));
}

constexpr auto text_pattern = "%Y-%m-%dT%H:%M:%S.%e%z %^%*%$ %v";
constexpr auto json_pattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%*",%v})";

std::atomic<bool> as_json{false};

spdlog::level::level_enum level_of(config::log_level l) noexcept {
  switch (l) {
  case config::log_level::trace:
    return spdlog::level::trace;
  case config::log_level::debug:
    return spdlog::level::debug;
  case config::log_level::info:
    return spdlog::level::info;
  case config::log_level::warn:
    return spdlog::level::warn;
  case config::log_level::error:
    break;
  }
  return spdlog::level::err;
}

template <class Make>
spdlog::logger& made_by(Make make) {
  auto made = make();
  use_pattern(*made, text_pattern);
  made->flush_on(spdlog::level::trace);
  return *made; // spdlog keeps it
}

spdlog::logger& standard_error() {
  static auto& out = made_by([] { return spdlog::stderr_color_mt("plexus"); });
  return out;
}

spdlog::logger& standard_output() {
  static auto& out = made_by([] { return spdlog::stdout_color_mt("plexus_output"); });
  return out;
}

std::atomic<spdlog::logger*> chosen{nullptr};

spdlog::logger& logger() {
  auto* out = chosen.load();
  return out ? *out : standard_error();
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

struct shelf {
  std::mutex mutex;
  std::deque<line> lines;
  std::uint64_t last = 0;
  std::atomic<std::chrono::steady_clock::rep> all_until{0};
};

shelf& the_shelf() {
  static auto* s = new shelf; // threads may log until the very end
  return *s;
}

void keep(std::string_view how, std::string_view part, std::string_view event, fields what) {
  line l;
  l.time =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  l.level = how;
  l.part = part;
  l.event = event;
  for (auto& f : what) l.fields.emplace_back(f.name, f.value);
  auto& s = the_shelf();
  std::lock_guard guard(s.mutex);
  l.number = ++s.last;
  s.lines.push_back(std::move(l));
  if (s.lines.size() > kept_lines) s.lines.pop_front();
}

constexpr std::string_view level_names[] = {"trace", "debug", "info", "warn", "error"};

bool is_kept(config::log_level l) noexcept {
  if (l >= config::log_level::warn) return true;
  auto until = the_shelf().all_until.load(std::memory_order_relaxed);
  return until != 0 && std::chrono::steady_clock::now().time_since_epoch().count() < until;
}

std::atomic<config::log_level> level_now{config::log_level::info};

} // namespace

std::vector<line> recent(std::uint64_t after, std::size_t most) {
  auto& s = the_shelf();
  std::lock_guard guard(s.mutex);
  std::vector<line> out;
  for (auto i = s.lines.rbegin(); i != s.lines.rend() && i->number > after && out.size() < most; ++i)
    out.push_back(*i);
  std::reverse(out.begin(), out.end());
  return out;
}

void keep_all_until(std::chrono::steady_clock::time_point until) {
  the_shelf().all_until = until.time_since_epoch().count();
}

void note_slow(std::string_view part, std::string_view event, fields what) {
  keep("slow", part, event, what);
}

config::log_level level() noexcept {
  return level_now;
}

void configure(const config::log_section& how) {
  level_now = how.level;
  as_json = how.format == config::log_format::json;
  auto& to = how.output == config::log_output::standard_output ? standard_output() : standard_error();
  to.set_level(level_of(how.level));
  use_pattern(to, as_json ? json_pattern : text_pattern);
  chosen = &to;
}

bool enabled(config::log_level level) noexcept {
  return logger().should_log(level_of(level));
}

void write(config::log_level level, std::string_view part, std::string_view event, fields what) {
  if (!enabled(level)) return;
  if (is_kept(level)) keep(level_names[static_cast<std::size_t>(level)], part, event, what);
  std::string line;
  if (as_json) {
    line = "\"part\":" + json_text(part) + ",\"event\":" + json_text(event);
    for (auto& f : what) line += "," + json_text(f.name) + ":" + (f.quoted ? json_text(f.value) : f.value);
  } else {
    line.append(part).append(": ").append(event);
    for (auto& f : what)
      line.append(" ").append(f.name).append("=").append(f.quoted ? json_text(f.value) : f.value);
  }
  logger().log(level_of(level), line);
}

} // namespace plexus::runtime::log
