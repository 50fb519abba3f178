#include "config/parse.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

namespace plexus::config {
namespace {

using nlohmann::json;

/// `byte` counts from 1; columns are bytes.
std::string line_and_column(std::string_view text, std::size_t byte) {
  const auto before = text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto start = before.rfind('\n');
  const auto column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

/// The library says "... parse error at ...: syntax error while parsing X - WHAT; last read: '...'; expected Y";
/// what it last read may be a secret.
fault broken(const document& file, const json::parse_error& error) {
  std::string_view message = error.what();
  message = message.substr(0, message.find("; last read: "));
  const auto dash = message.find(" - ");
  if (dash != std::string_view::npos) message.remove_prefix(dash + 3);
  const auto semicolon = message.find("; expected ");
  std::string expected = "JSON (comments are allowed)";
  if (semicolon != std::string_view::npos)
    expected = message.substr(semicolon + std::string_view{"; expected "}.size());
  return {file.name, line_and_column(file.text, error.byte), std::string{message.substr(0, semicolon)}, expected};
}

/// Finds names that stand twice in one object, of which the parser would keep the last without a word.
class twice {
public:
  twice(const document& file, std::vector<fault>& faults) : file_(file), faults_(faults) {}

  bool operator()(json::parse_event_t event, const json& parsed) {
    switch (event) {
    case json::parse_event_t::object_start:
    case json::parse_event_t::array_start:
      open_.emplace_back();
      break;
    case json::parse_event_t::object_end:
    case json::parse_event_t::array_end:
      open_.pop_back();
      break;
    case json::parse_event_t::key:
      name(parsed.get<std::string>());
      break;
    case json::parse_event_t::value:
      break;
    }
    return true;
  }

private:
  struct level {
    std::set<std::string> names;
    std::string current;
  };

  void name(const std::string& name) {
    open_.back().current = name;
    if (open_.back().names.insert(name).second) return;
    std::string path;
    for (const auto& l : open_) path += (path.empty() ? "" : ".") + l.current;
    faults_.push_back({file_.name, std::move(path), "the same key twice", "it once"});
  }

  const document& file_;
  std::vector<fault>& faults_;
  std::vector<level> open_;
};

} // namespace

parsed_document parse_document(const document& file) {
  parsed_document result;
  twice watch{file, result.faults};
  const auto callback = [&](int, json::parse_event_t event, json& parsed) { return watch(event, parsed); };
  try {
    result.root = std::make_shared<const json>(json::parse(file.text, callback, true, true));
  } catch (const json::parse_error& error) {
    result.faults.push_back(broken(file, error));
  } catch (const json::exception&) {
    // The only other thing that parsing throws; it comes without a position.
    result.faults.push_back({file.name, "", "a number that is too large", "numbers that a double can hold"});
  }
  return result;
}

} // namespace plexus::config
