#pragma once
// From a file, the environment and `--set` to checked settings. Nothing here throws on bad input: whatever is wrong
// becomes a `fault`, and all of them are collected, so that an operator sees the whole list at once.
//
// Order: file, environment, `--set`; a later one replaces a value key by key (an object merges, a list replaces).
// Free functions without state; any thread.

#include "config/settings.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plexus::config {

/// One thing that stops the start. Values of secret keys are never in it, only their type.
struct fault {
  std::string source;   ///< the file's name, `environment NAME` or `--set`; empty where it isn't known
  std::string key;      ///< path of the key, or "line 3, column 7" of broken JSON
  std::string found;    ///< what stands there
  std::string expected; ///< what could stand there
  friend bool operator==(const fault&, const fault&) = default;
};

/// `SOURCE: KEY: found FOUND, expected EXPECTED`, one line; without the parts that are empty.
std::string to_string(const fault& what);

/// Reads "500ms", "25s", "5m", "24h"; nothing for any other text.
std::optional<duration> parse_duration(std::string_view text);

/// Which source gave a key its value, by the key's path; keys that nothing set are absent.
using origins = std::map<std::string, std::string, std::less<>>;

/// The content of a file, or nothing where it can't be read.
using file_reader = std::function<std::optional<std::string>(const std::string& path)>;
std::optional<std::string> read_file(const std::string& path);

struct document {
  std::string name; ///< as faults shall show it
  std::string text; ///< JSON, comments allowed
};

struct sources {
  std::optional<document> file;
  std::vector<std::string> environment; ///< NAME=VALUE; names that don't begin with PLEXUS_ are skipped
  std::vector<std::string> set;         ///< path.to.key=value
  file_reader read = read_file; ///< for `..._file` keys; relative paths are relative to the working directory
};

struct loaded {
  settings values; ///< to be run with only when `ok()`; a key with a fault has its default
  std::vector<fault> faults;
  std::vector<std::string> notices; ///< for the log at level info
  origins where;
  [[nodiscard]] bool ok() const noexcept { return faults.empty(); }
};

loaded load(const sources& from);

} // namespace plexus::config
