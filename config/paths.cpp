#include "config/paths.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace plexus::config {
namespace {

constexpr std::string_view file_suffix = "_file";

/// The field of that name, or that of the name without `_file`.
template <class Find>
auto look(std::string_view name, Find find) {
  const auto* found = find(name);
  if (found || !name.ends_with(file_suffix)) return std::pair{found, false};
  found = find(name.substr(0, name.size() - file_suffix.size()));
  return found && found->string_key() ? std::pair{found, true} : std::pair{decltype(found){}, false};
}

/// The names that can stand in a section.
levels children(const levels& section) {
  levels names;
  if (in_namespaces(section)) {
    for (const auto& o : options()) names.push_back(o.path);
    return names;
  }
  const auto prefix = section.empty() ? std::string{} : join(section) + ".";
  for (const auto& k : keys()) {
    if (!k.path.starts_with(prefix)) continue;
    auto name = split(std::string_view{k.path}.substr(prefix.size()), ".").front();
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  if (prefix == "channels.") names.emplace_back("namespaces");
  return names;
}

/// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
    }
  }
  return row.back();
}

/// The name that was probably meant, or an empty one.
std::string closest(std::string_view wrong, const levels& names) {
  std::string_view best;
  std::size_t least = 3;
  for (const auto& name : names) {
    const auto d = distance(wrong, name);
    if (d < least && d < name.size()) least = d, best = name;
  }
  return std::string{best};
}

} // namespace

std::string join(const levels& parts, std::string_view separator) {
  std::string all;
  for (const auto& part : parts) {
    if (&part != &parts.front()) all += separator;
    all += part;
  }
  return all;
}

levels split(std::string_view text, std::string_view separator) {
  levels parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + separator.size());
  }
}

bool in_namespaces(const levels& path) noexcept {
  return path.size() > 2 && path[0] == "channels" && path[1] == "namespaces";
}

place locate(const levels& path) {
  if (in_namespaces(path)) {
    if (path.size() == 3) return {.section = true};
    if (path.size() > 4) return {};
    const auto [found, from_file] = look(path[3], find_option);
    return {.an_option = found, .from_file = from_file};
  }
  const auto full = join(path);
  const auto [found, from_file] = look(full, find_key);
  if (found) return {.a_key = found, .from_file = from_file};
  const auto below = [&](const key& k) { return k.path.starts_with(full + "."); };
  return {.section = path.empty() || full == "channels.namespaces" || std::ranges::any_of(keys(), below)};
}

std::string advice(const levels& path) {
  levels parent;
  auto wrong = path.begin();
  for (; wrong + 1 != path.end(); parent.push_back(*wrong++)) {
    auto next = parent;
    next.push_back(*wrong);
    if (!locate(next).section) break;
  }
  const auto names = children(parent);
  std::string_view name = *wrong;
  auto close = closest(name, names);
  if (close.empty() && name.ends_with(file_suffix)) {
    name.remove_suffix(file_suffix.size());
    close = closest(name, names);
  }
  if (close.empty()) return names.empty() ? "a known key" : "one of " + join(names, ", ");
  parent.push_back(close);
  return "a known key: did you mean \"" + join(parent) + "\"?";
}

} // namespace plexus::config
