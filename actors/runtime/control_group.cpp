#include "actors/runtime/control_group.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::runtime {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream in(file);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(std::move(line));
  return out;
}

bool lists(std::string_view comma_separated, std::string_view word) {
  while (true) {
    auto end = comma_separated.find(',');
    if (comma_separated.substr(0, end) == word) return true;
    if (end == std::string_view::npos) return false;
    comma_separated.remove_prefix(end + 1);
  }
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

/// The words of a file's first line; none when it isn't there.
std::vector<std::string> words_of(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  std::istringstream split(line);
  std::vector<std::string> out;
  for (std::string word; split >> word;) out.push_back(std::move(word));
  return out;
}

std::optional<double> number_in(const fs::path& file) {
  auto words = words_of(file);
  return words.empty() ? std::nullopt : number(words.front());
}

/// A hierarchy as this process sees it: where it is mounted, and where below that its group is.
struct place {
  fs::path mount;
  std::string below;
};

/// `controller` empty: the hierarchy of version 2.
std::optional<std::string> group_path(const fs::path& root, std::string_view controller) {
  for (const auto& line : lines_of(root / "proc/self/cgroup")) {
    auto first = line.find(':');
    auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    auto controllers = std::string_view(line).substr(first + 1, second - first - 1);
    auto here = controller.empty() ? controllers.empty() : lists(controllers, controller);
    if (here) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<place> find(const fs::path& root, std::string_view controller) {
  auto path = group_path(root, controller);
  if (!path) return std::nullopt;
  for (const auto& line : lines_of(root / "proc/self/mountinfo")) {
    auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash)), after(line.substr(dash + 3));
    std::string skipped, from, mount, type, source, options;
    before >> skipped >> skipped >> skipped >> from >> mount;
    after >> type >> source >> options;
    if (controller.empty() ? type != "cgroup2" : type != "cgroup" || !lists(options, controller)) continue;
    place out{root / mount.substr(1), *path};
    // A container may see only its own part of the hierarchy, under the name that the whole has outside.
    if (from != "/" && out.below.starts_with(from)) out.below.erase(0, from.size());
    if (!out.below.empty() && !fs::exists(out.mount / out.below.substr(out.below.front() == '/')))
      out.below.clear();
    return out;
  }
  return std::nullopt;
}

template <class Value, class Read>
std::optional<Value> smallest(const std::optional<place>& from, Read read) {
  std::optional<Value> out;
  if (!from) return out;
  auto path = fs::path(from->below).relative_path();
  while (true) {
    if (auto here = read(from->mount / path); here && (!out || *here < *out)) out = here;
    if (path.empty()) return out;
    path = path.parent_path();
  }
}

std::optional<double> quota_1(const fs::path& group) {
  auto quota = number_in(group / "cpu.cfs_quota_us"), period = number_in(group / "cpu.cfs_period_us");
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

std::optional<double> quota_2(const fs::path& group) {
  auto words = words_of(group / "cpu.max");
  if (words.empty()) return std::nullopt;
  auto quota = number(words[0]), period = words.size() > 1 ? number(words[1]) : 100'000.0;
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt; // "max"
  return *quota / *period;
}

std::optional<std::size_t> bytes_in(const fs::path& file) {
  constexpr double unlimited = 1e15; // version 1 says it with a number near 2^63
  auto value = number_in(file);
  if (!value || *value <= 0 || *value > unlimited) return std::nullopt;
  return static_cast<std::size_t>(*value);
}

} // namespace

control_group read_control_group(const fs::path& root) {
  control_group out;
  auto unified = find(root, "");
  out.cpu_quota = smallest<double>(unified, quota_2);
  if (!out.cpu_quota) out.cpu_quota = smallest<double>(find(root, "cpu"), quota_1);
  out.memory_limit = smallest<std::size_t>(unified, [](const fs::path& g) { return bytes_in(g / "memory.max"); });
  if (!out.memory_limit)
    out.memory_limit = smallest<std::size_t>(
        find(root, "memory"), [](const fs::path& g) { return bytes_in(g / "memory.limit_in_bytes"); });
  return out;
}

} // namespace plexus::runtime
