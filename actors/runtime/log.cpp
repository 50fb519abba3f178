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

/// Lines of one kind, and the numbers of those that had to go lately.
struct row_of_lines {
  std::deque<line> lines;
  std::deque<std::uint64_t> gone;

  void add(line l) {
    lines.push_back(std::move(l));
    if (lines.size() <= kept_lines) return;
    gone.push_back(lines.front().number);
    lines.pop_front();
    if (gone.size() > most_gone) gone.pop_front();
  }
  [[nodiscard]] std::size_t gone_since(std::uint64_t after) const {
    return static_cast<std::size_t>(gone.end() - std::upper_bound(gone.begin(), gone.end(), after));
  }
  static constexpr std::size_t most_gone = 10'000;
};

/// The first number of a process: beyond those of the one before, so that who goes on from there hears of all.
std::uint64_t first_number() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}

struct shelf {
  std::mutex mutex;
  row_of_lines grave, other;
  const std::uint64_t before = first_number();
  std::uint64_t last = before;
  std::atomic<std::chrono::steady_clock::rep> all_until{0};
};

shelf& the_shelf() {
  static auto* s = new shelf; // threads may log until the very end
  return *s;
}

constexpr std::string_view ranks[] = {"trace", "debug", "info", "warn", "error", "slow"};

std::size_t rank_of(std::string_view level) {
  return static_cast<std::size_t>(std::find(std::begin(ranks), std::end(ranks), level) - std::begin(ranks));
}

bool is_grave(std::string_view level) {
  return rank_of(level) >= rank_of("warn");
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
  auto& row = is_grave(how) ? s.grave : s.other;
  row.add(std::move(l));
}

constexpr std::string_view level_names[] = {"trace", "debug", "info", "warn", "error"};

bool is_kept(config::log_level l) noexcept {
  if (l >= config::log_level::warn) return true;
  auto until = the_shelf().all_until.load(std::memory_order_relaxed);
  return until != 0 && std::chrono::steady_clock::now().time_since_epoch().count() < until;
}

std::atomic<config::log_level> level_now{config::log_level::info};

} // namespace

recent_lines recent(std::uint64_t after, std::size_t most, std::string_view level) {
  auto& s = the_shelf();
  std::lock_guard guard(s.mutex);
  recent_lines out;
  out.last = s.last;
  const bool from_now = after == 0;
  // Of the process before, or given by a clock that was put back.
  if (after < s.before || after > s.last) after = s.before;
  const auto wanted = rank_of(level);
  // From the newest back, in the order in which they were written.
  auto a = s.grave.lines.rbegin();
  auto b = s.other.lines.rbegin();
  const auto a_end = s.grave.lines.rend();
  const auto b_end = is_grave(level) ? b : s.other.lines.rend();
  while (a != a_end || b != b_end) {
    const bool first = b == b_end || (a != a_end && a->number > b->number);
    const auto& l = first ? *a++ : *b++;
    if (l.number <= after) break;
    if (rank_of(l.level) < wanted) continue;
    if (out.lines.size() < most)
      out.lines.push_back(l);
    else
      ++out.dropped;
  }
  std::reverse(out.lines.begin(), out.lines.end());
  out.dropped += s.grave.gone_since(after) + (is_grave(level) ? 0 : s.other.gone_since(after));
  if (from_now) out.dropped = 0;
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
