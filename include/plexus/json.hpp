#pragma once
// The little JSON that most actors need: reading the fields of an object, writing one. Where you need more, use a
// JSON library in your `.cpp`; payloads are plain text here.
//
//   plexus::json::object bid(c.data);
//   auto amount = bid.integer("amount");          // std::optional<std::int64_t>
//   c.reply(plexus::json::write("price", 120, "leader", "ann"));   // {"price":120,"leader":"ann"}

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace plexus::json {

/// Appends `text` with quotes and escapes. `text` is UTF-8.
inline void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr auto* digits = "0123456789abcdef";
      out += "\\u00";
      out += digits[static_cast<unsigned char>(c) >> 4U];
      out += digits[static_cast<unsigned char>(c) & 15U];
    } else {
      out += c;
    }
  }
  out += '"';
}

/// JSON text that is to be written as it is, not as a string.
struct raw {
  std::string_view text;
};

template <class T>
void append(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, raw>) {
    out += value.text.empty() ? std::string_view("null") : value.text;
  } else if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_integral_v<T>) {
    out += std::to_string(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, static_cast<double>(value)).ptr;
    out += std::isfinite(value) ? std::string_view(text, end) : std::string_view("null");
  } else {
    append_string(out, value);
  }
}

namespace detail {
inline void members(std::string&, bool) {}
template <class Value, class... More>
void members(std::string& out, bool first, std::string_view name, const Value& value, const More&... more) {
  if (!first) out += ',';
  append_string(out, name);
  out += ':';
  append(out, value);
  members(out, false, more...);
}
} // namespace detail

/// An object of names and values in turn.
template <class... NamesAndValues>
[[nodiscard]] std::string write(const NamesAndValues&... all) {
  static_assert(sizeof...(all) % 2 == 0, "names and values in turn");
  std::string out = "{";
  detail::members(out, true, all...);
  out += '}';
  return out;
}

/// The top level of one JSON object. Payloads of clients are valid JSON when they reach an actor, so this looks no
/// closer than it has to; text that isn't an object has no fields. Views the text: keep that alive.
class object {
public:
  explicit object(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    space(at, end);
    if (at == end || *at++ != '{') return;
    for (;;) {
      space(at, end);
      if (at == end || *at != '"') return;
      std::string_view name, value;
      if (!take(at, end, name)) return;
      space(at, end);
      if (at == end || *at++ != ':') return;
      space(at, end);
      if (!take(at, end, value)) return;
      fields_.emplace_back(name.substr(1, name.size() - 2), value);
      space(at, end);
      if (at == end || *at++ != ',') return;
    }
  }

  /// The field's own text; nothing where there is none. The last one of a name counts.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const {
    for (auto i = fields_.rbegin(); i != fields_.rend(); ++i)
      if (i->first == name) return i->second;
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const {
    return number<std::int64_t>(name);
  }
  [[nodiscard]] std::optional<double> real(std::string_view name) const { return number<double>(name); }
  [[nodiscard]] std::optional<bool> boolean(std::string_view name) const {
    const auto text = find(name);
    if (text == "true") return true;
    if (text == "false") return false;
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> string(std::string_view name) const {
    const auto text = find(name);
    if (!text || text->size() < 2 || text->front() != '"') return std::nullopt;
    return unescaped(text->substr(1, text->size() - 2));
  }

private:
  static void space(const char*& at, const char* end) {
    while (at != end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) ++at;
  }
  /// One value, whatever it is.
  static bool take(const char*& at, const char* end, std::string_view& out) {
    const char* const begin = at;
    unsigned depth = 0;
    for (bool in_string = false; at != end; ++at) {
      const char c = *at;
      if (in_string) {
        if (c == '\\' && at + 1 != end)
          ++at;
        else if (c == '"')
          in_string = false;
        if (in_string || depth > 0) continue;
        ++at;
        break;
      }
      if (c == '"') {
        in_string = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        if (depth == 0) break;
        if (--depth == 0) {
          ++at;
          break;
        }
      } else if (depth == 0 && (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
        break;
      }
    }
    out = {begin, static_cast<std::size_t>(at - begin)};
    return !out.empty();
  }
  template <class T>
  [[nodiscard]] std::optional<T> number(std::string_view name) const {
    const auto text = find(name);
    T value{};
    if (!text) return std::nullopt;
    const auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (fault != std::errc{} || end != text->data() + text->size()) return std::nullopt;
    return value;
  }
  static void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xc0U | code >> 6U);
      put(0x80U | (code & 0x3fU));
    } else if (code < 0x10000) {
      put(0xe0U | code >> 12U);
      put(0x80U | (code >> 6U & 0x3fU));
      put(0x80U | (code & 0x3fU));
    } else {
      put(0xf0U | code >> 18U);
      put(0x80U | (code >> 12U & 0x3fU));
      put(0x80U | (code >> 6U & 0x3fU));
      put(0x80U | (code & 0x3fU));
    }
  }
  static std::string unescaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    const auto hex = [&text](std::size_t at) {
      std::uint32_t code = 0;
      if (at + 4 <= text.size()) std::from_chars(text.data() + at, text.data() + at + 4, code, 16);
      return code;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\' || ++i == text.size()) {
        if (i < text.size()) out += text[i];
        continue;
      }
      switch (text[i]) {
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case 'r':
        out += '\r';
        break;
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'u': {
        auto code = hex(i + 1);
        i += 4;
        if (code >= 0xd800 && code < 0xdc00 && i + 6 < text.size() && text[i + 1] == '\\' && text[i + 2] == 'u') {
          if (const auto low = hex(i + 3); low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00);
            i += 6;
          }
        }
        // Half of a pair is no character.
        append_utf8(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
        break;
      }
      default:
        out += text[i];
      }
    }
    return out;
  }

  std::vector<std::pair<std::string_view, std::string_view>> fields_;
};

} // namespace plexus::json
