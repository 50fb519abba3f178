#include "config/kinds.hpp"

#include "config/load.hpp"
#include "config/network.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

namespace plexus::config {
namespace {

struct unit {
  std::string_view name;
  std::int64_t milliseconds;
};

// From the longest to the shortest: a span is written in the first unit that divides it.
constexpr std::array units{unit{"h", 3'600'000}, unit{"m", 60'000}, unit{"s", 1000}, unit{"ms", 1}};

// Ten years: far from where adding a span to a clock's time could overflow.
constexpr std::int64_t longest = std::int64_t{87'600} * 3'600'000;

std::optional<duration> parse_span(std::string_view text) {
  std::int64_t count = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count < 0 || text.front() == '-') return std::nullopt;
  const std::string_view name{rest, static_cast<std::size_t>(text.data() + text.size() - rest)};
  const auto found = std::ranges::find(units, name, &unit::name);
  if (found == units.end() || count > longest / found->milliseconds) return std::nullopt;
  return duration{count * found->milliseconds};
}

std::string write_span(duration span) {
  if (span.count() == 0) return "0s";
  const auto fits = std::ranges::find_if(units, [&](const unit& u) { return span.count() % u.milliseconds == 0; });
  return std::to_string(span.count() / fits->milliseconds) + std::string(fits->name);
}

std::optional<std::vector<std::string>> list_of_strings(const json& value) {
  if (!value.is_array() || !std::ranges::all_of(value, [](const json& v) { return v.is_string(); })) return {};
  return value.get<std::vector<std::string>>();
}

bool served_scheme(std::string_view url) {
  if (url == "memory:") return true;
  constexpr std::array<std::string_view, 6> schemes{"redis://",           "rediss://",        "redis+sentinel://",
                                                    "rediss+sentinel://", "redis+cluster://", "rediss+cluster://"};
  return std::ranges::any_of(schemes,
                             [&](std::string_view s) { return url.starts_with(s) && url.size() > s.size(); });
}

std::string type_name(const json& value) {
  switch (value.type()) {
  case json::value_t::object:
    return "an object";
  case json::value_t::array:
    return "a list";
  case json::value_t::string:
    return "a string";
  case json::value_t::boolean:
    return "true or false";
  case json::value_t::null:
    return "null";
  default:
    return "a number";
  }
}

} // namespace

kind<bool> flag() {
  return {form::parsed, "true or false",
          [](const json& v) { return v.is_boolean() ? std::optional{v.get<bool>()} : std::nullopt; },
          [](const bool& v) { return json(v); }};
}

kind<double> amount() {
  return {form::parsed, "a number, 0 or more",
          [](const json& v) -> std::optional<double> {
            if (!v.is_number()) return std::nullopt;
            const auto number = v.get<double>();
            return std::isfinite(number) && number >= 0 ? std::optional{number} : std::nullopt;
          },
          [](const double& v) { return json(v); }};
}

std::optional<duration> parse_duration(std::string_view text) {
  return parse_span(text);
}

kind<duration> time_span(duration least) {
  std::string expected = R"(a duration such as "500ms", "25s", "5m", "24h")";
  if (least.count() > 0) expected += ", at least \"" + write_span(least) + '"';
  return {form::raw, std::move(expected),
          [least](const json& v) -> std::optional<duration> {
            if (!v.is_string() || v.get_ref<const std::string&>().empty()) return std::nullopt;
            const auto span = parse_span(v.get_ref<const std::string&>());
            return span && *span >= least ? span : std::nullopt;
          },
          [](const duration& v) { return json(write_span(v)); }};
}

kind<offer> offered() {
  return {form::parsed, R"(true, "asked" or false)",
          [](const json& v) -> std::optional<offer> {
            if (v.is_boolean()) return v.get<bool>() ? offer::always : offer::no;
            return v == "asked" ? std::optional{offer::asked} : std::nullopt;
          },
          [](const offer& v) { return v == offer::asked ? json("asked") : json(v == offer::always); }};
}

kind<std::string> text() {
  return {form::raw, "a string",
          [](const json& v) { return v.is_string() ? std::optional{v.get<std::string>()} : std::nullopt; },
          [](const std::string& v) { return json(v); }};
}

kind<std::string> listening_address(bool may_be_empty) {
  auto plain = text();
  plain.expected = R"(an IP address such as "0.0.0.0" or "::1")";
  if (may_be_empty) plain.expected += ", or \"\"";
  plain.read = [may_be_empty](const json& v) -> std::optional<std::string> {
    if (!v.is_string()) return std::nullopt;
    const auto& given = v.get_ref<const std::string&>();
    const auto known = given.empty() ? may_be_empty : parse_address(given.substr(0, given.find('%'))).has_value();
    return known ? std::optional{given} : std::nullopt;
  };
  return plain;
}

kind<std::string> backplane_url() {
  auto plain = text();
  plain.expected = R"("memory:", or an address that begins with "redis://", "redis+sentinel://" or )"
                   R"("redis+cluster://" ("rediss..." for TLS))";
  plain.read = [](const json& v) -> std::optional<std::string> {
    if (!v.is_string() || !served_scheme(v.get_ref<const std::string&>())) return std::nullopt;
    return v.get<std::string>();
  };
  return plain;
}

kind<std::string> web_address() {
  auto plain = text();
  plain.expected = R"(an address that begins with "https://" or "http://")";
  plain.read = [](const json& v) -> std::optional<std::string> {
    if (!v.is_string()) return std::nullopt;
    const std::string_view url = v.get_ref<const std::string&>();
    const bool good = std::ranges::any_of(std::array<std::string_view, 2>{"https://", "http://"}, [&](auto scheme) {
      return url.starts_with(scheme) && url.size() > scheme.size();
    });
    // Spaces and control characters would end up in a request's first line.
    const bool clean = std::ranges::all_of(url, [](unsigned char c) { return c > 0x20 && c != 0x7f; });
    return url.empty() || (good && clean) ? std::optional{std::string(url)} : std::nullopt;
  };
  return plain;
}

kind<std::vector<std::string>> texts() {
  return {form::parsed, R"(a list of strings such as ["a", "b"])", list_of_strings,
          [](const std::vector<std::string>& v) { return json(v); }};
}

kind<std::vector<std::string>> networks() {
  return {
      form::parsed,
      R"(a list of networks such as ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"], no bit set behind the prefix)",
      [](const json& v) -> std::optional<std::vector<std::string>> {
        auto list = list_of_strings(v);
        if (list && !std::ranges::all_of(*list, [](const std::string& n) { return parse_network(n).has_value(); }))
          return std::nullopt;
        return list;
      },
      [](const std::vector<std::string>& v) { return json(v); }};
}

kind<std::vector<std::string>> one_or_more() {
  return {form::list_or_raw, "a string, or a list of strings that are not empty",
          [](const json& v) -> std::optional<std::vector<std::string>> {
            if (v.is_string()) return v == "" ? std::vector<std::string>{} : std::vector{v.get<std::string>()};
            auto list = list_of_strings(v);
            // An empty secret in the list would verify what anybody signs with an empty one.
            if (list && std::ranges::any_of(*list, &std::string::empty)) return std::nullopt;
            return list;
          },
          [](const std::vector<std::string>& v) {
            if (v.size() > 1) return json(v);
            return json(v.empty() ? std::string{} : v.front());
          }};
}

template <class T>
kind<T> whole(T least, T most) {
  std::string expected = "a whole number, " + std::to_string(least) + " or more";
  if (most < std::numeric_limits<unsigned>::max())
    expected = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  return {form::parsed, std::move(expected),
          [least, most](const json& v) -> std::optional<T> {
            if (!v.is_number_unsigned()) return std::nullopt;
            const auto number = v.get<std::uint64_t>();
            return number >= least && number <= most ? std::optional{static_cast<T>(number)} : std::nullopt;
          },
          [](const T& v) { return json(v); }};
}
template kind<unsigned> whole(unsigned, unsigned);
template kind<std::uint16_t> whole(std::uint16_t, std::uint16_t);
template kind<std::size_t> whole(std::size_t, std::size_t);

template <class E>
kind<E> one_of(std::vector<choice<E>> choices) {
  std::string expected;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) expected += i + 1 == choices.size() ? " or " : ", ";
    expected += '"' + std::string(choices[i].name) + '"';
  }
  return {form::raw, std::move(expected),
          [choices](const json& v) -> std::optional<E> {
            if (!v.is_string()) return std::nullopt;
            const auto found = std::ranges::find(choices, v.get_ref<const std::string&>(), &choice<E>::name);
            return found == choices.end() ? std::nullopt : std::optional{found->value};
          },
          [choices](const E& v) { return json(std::ranges::find(choices, v, &choice<E>::value)->name); }};
}
template kind<access> one_of(std::vector<choice<access>>);
template kind<slow_policy> one_of(std::vector<choice<slow_policy>>);
template kind<durability> one_of(std::vector<choice<durability>>);
template kind<log_level> one_of(std::vector<choice<log_level>>);
template kind<log_format> one_of(std::vector<choice<log_format>>);
template kind<log_output> one_of(std::vector<choice<log_output>>);

json from_text(form how, const std::string& text) {
  if (how != form::raw) {
    auto value = json::parse(text, nullptr, false);
    if (!value.is_discarded() && (how == form::parsed || value.is_array())) return value;
  }
  return text;
}

std::string describe(const json& value, bool secret) {
  constexpr std::size_t longest_shown = 60;
  if (secret || value.is_object()) return type_name(value);
  auto shown = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (shown.size() <= longest_shown) return shown;
  auto end = longest_shown;
  while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xC0U) == 0x80U) --end; // not inside a character
  return shown.substr(0, end) + "...";
}

} // namespace plexus::config
