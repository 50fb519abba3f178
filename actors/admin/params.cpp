#include "actors/admin/params.hpp"

#include "config/load.hpp"

#include <nlohmann/json.hpp>

namespace plexus::admin {

using protocol::error_code;

namespace {

[[noreturn]] void refuse(std::string_view name, std::string_view expected) {
  throw refusal{error_code::bad_request, "\"" + std::string(name) + "\": expected " + std::string(expected)};
}

} // namespace

json error_of(error_code code, std::string message) {
  if (message.empty()) message = protocol::entry(code).name;
  return {{"error", {{"code", static_cast<int>(code)}, {"message", std::move(message)}}}};
}

json error_of(const refusal& what) {
  return error_of(what.code, what.message);
}

json result_of(json what) {
  json out = json::object();
  out["result"] = std::move(what);
  return out;
}

json parse_bounded(std::string_view text, std::size_t deepest) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > deepest) return json(json::value_t::discarded);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return json::parse(text, nullptr, false);
}

json shown_text(std::string_view text, std::size_t longest) {
  constexpr std::size_t deepest = max_depth / 2; // it stands in an answer, which nodes read too
  if (text.size() <= longest)
    if (auto value = parse_bounded(text, deepest); !value.is_discarded()) return value;
  return json(std::string(text.substr(0, longest)));
}

std::string to_text(const json& what) {
  return what.dump(-1, ' ', false, json::error_handler_t::replace);
}

params::params(const json& from) : from_(from) {
  if (!from.is_object()) throw refusal{error_code::bad_request, "the parameters must be an object"};
}

const json* params::find(std::string_view name) {
  known_.emplace(name);
  auto found = from_.find(name);
  return found == from_.end() || found->is_null() ? nullptr : &*found;
}

bool params::has(std::string_view name) const {
  return from_.contains(name);
}

std::string params::text(std::string_view name, std::string fallback, std::size_t longest) {
  const auto* value = find(name);
  if (!value) return fallback;
  if (!value->is_string()) refuse(name, "a string");
  auto& text = value->get_ref<const std::string&>();
  if (text.size() > longest) refuse(name, "at most " + std::to_string(longest) + " bytes");
  return text;
}

std::string params::needed(std::string_view name, std::size_t longest) {
  auto value = text(name, {}, longest);
  if (value.empty()) refuse(name, "a string that isn't empty");
  return value;
}

std::string params::one_of(std::string_view name, std::string fallback,
                           const std::vector<std::string_view>& values) {
  auto value = text(name, std::move(fallback));
  std::string all;
  for (auto v : values) {
    if (v == value) return value;
    all.append(all.empty() ? "" : ", ").append(v);
  }
  refuse(name, "one of " + all);
}

std::int64_t params::number(std::string_view name, std::int64_t fallback, std::int64_t least, std::int64_t most) {
  const auto* value = find(name);
  if (!value) return fallback;
  const auto range = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  if (!value->is_number_integer()) refuse(name, range);
  // Beyond the signed range it is out of every range here.
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(most))
    refuse(name, range);
  auto n = value->get<std::int64_t>();
  if (n < least || n > most) refuse(name, range);
  return n;
}

bool params::flag(std::string_view name, bool fallback) {
  const auto* value = find(name);
  if (!value) return fallback;
  if (!value->is_boolean()) refuse(name, "true or false");
  return value->get<bool>();
}

std::chrono::milliseconds params::duration(std::string_view name, std::chrono::milliseconds fallback,
                                           std::chrono::milliseconds least, std::chrono::milliseconds most) {
  auto given = text(name);
  if (given.empty()) return fallback;
  auto value = config::parse_duration(given);
  if (!value || *value < least || *value > most)
    refuse(name, "a duration from " + std::to_string(least.count()) + "ms to " + std::to_string(most.count()) +
                     "ms, such as \"1s\"");
  return *value;
}

const json& params::any(std::string_view name) {
  static const json nothing;
  const auto* value = find(name);
  return value ? *value : nothing;
}

void params::done() const {
  for (auto& [name, value] : from_.items())
    if (!known_.contains(name)) {
      std::string shown = name.substr(0, 64);
      throw refusal{error_code::bad_request, "\"" + shown + "\" is not a parameter of this request"};
    }
}

} // namespace plexus::admin
