#include "actors/protocol/json_reader.hpp"

#include "actors/protocol/json_bytes.hpp"

#include <charconv>
#include <simdjson.h>

namespace plexus::protocol::json {

namespace {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// The value of four hexadecimal digits; -1 for anything else.
int hex4(const char* at) noexcept {
  int out = 0;
  const auto [end, ec] = std::from_chars(at, at + 4, out, 16);
  return ec == std::errc{} && end == at + 4 && *at != '-' ? out : -1;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

char plain_escape(char c) noexcept {
  switch (c) {
  case 'b':
    return '\b';
  case 'f':
    return '\f';
  case 'n':
    return '\n';
  case 'r':
    return '\r';
  case 't':
    return '\t';
  default:
    return c;
  }
}

} // namespace

reader::reader(std::string_view text) noexcept : at_(text.data()), end_(text.data() + text.size()) {
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    at_ = end_;
    fault_ = fault::syntax;
  }
}

char reader::pass_space() noexcept {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  return at_ == end_ ? '\0' : *at_;
}

bool reader::finish() noexcept {
  peek();
  return (at_ == end_ && fault_ == fault::none) || fail(fault::syntax);
}

bool reader::open(char bracket) noexcept {
  if (peek() != bracket) return fail(at_ == end_ ? fault::syntax : fault::type);
  if (++depth_ > max_depth) return fail(fault::syntax);
  ++at_;
  return true;
}

reader::step reader::close() noexcept {
  --depth_;
  ++at_;
  return step::end;
}

reader::step reader::next_member(bool first, std::string_view* key) {
  char c = peek();
  if (c == '}') return close();
  if (!first) {
    if (c != ',') return fail(fault::syntax), step::broken;
    ++at_;
    c = peek();
  }
  std::string_view inside;
  bool escaped = false;
  if (c != '"' || !pass_string(inside, escaped)) return fail(fault::syntax), step::broken;
  if (key != nullptr) {
    *key = inside;
    if (escaped && !unescape(inside, *key)) return step::broken;
  }
  if (peek() != ':') return fail(fault::syntax), step::broken;
  ++at_;
  return step::value;
}

reader::step reader::next_item(bool first) noexcept {
  const char c = peek();
  if (first) return c == ']' ? close() : step::value;
  if (c == ']') return close();
  if (c != ',') return fail(fault::syntax), step::broken;
  ++at_;
  return step::value;
}

bool reader::skip() noexcept {
  switch (const char c = peek(); c) {
  case '"': {
    std::string_view inside;
    bool escaped = false;
    return pass_string(inside, escaped);
  }
  case '{':
  case '[':
    return skip_nested(c);
  case 't':
    return pass_word("true");
  case 'f':
    return pass_word("false");
  case 'n':
    return pass_word("null");
  default:
    return pass_number();
  }
}

bool reader::skip_nested(char bracket) noexcept {
  if (!open(bracket)) return false;
  for (bool first = true;; first = false) {
    const auto next = bracket == '{' ? next_member(first, nullptr) : next_item(first);
    if (next != step::value) return next == step::end;
    if (!skip()) return false;
  }
}

bool reader::pass_string(std::string_view& inside, bool& escaped) noexcept {
  const char* const begin = ++at_;
  for (;;) {
    at_ = find_special(at_, end_);
    if (at_ == end_) return fail(fault::syntax);
    if (*at_ == '"') {
      inside = {begin, static_cast<std::size_t>(at_ - begin)};
      ++at_;
      return true;
    }
    if (*at_ != '\\' || end_ - at_ < 2) return fail(fault::syntax);
    escaped = true;
    const char kind = at_[1];
    at_ += 2;
    if (kind == 'u') {
      if (end_ - at_ < 4 || hex4(at_) < 0) return fail(fault::syntax);
      at_ += 4;
    } else if (std::string_view("\"\\/bfnrt").find(kind) == std::string_view::npos) {
      return fail(fault::syntax);
    }
  }
}

bool reader::pass_number() noexcept {
  const auto digits = [this] {
    const char* const begin = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != begin;
  };
  if (at_ != end_ && *at_ == '-') ++at_;
  if (at_ != end_ && *at_ == '0') {
    ++at_;
  } else if (!digits()) {
    return fail(fault::syntax);
  }
  if (at_ != end_ && *at_ == '.') {
    ++at_;
    if (!digits()) return fail(fault::syntax);
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (!digits()) return fail(fault::syntax);
  }
  return true;
}

bool reader::pass_word(std::string_view word) noexcept {
  if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, word.size()) != word)
    return fail(fault::syntax);
  at_ += word.size();
  return true;
}

bool reader::raw(std::string_view& out) noexcept {
  peek();
  const char* const begin = at_;
  if (!skip()) return false;
  out = {begin, static_cast<std::size_t>(at_ - begin)};
  return true;
}

bool reader::take_null() noexcept {
  return peek() == 'n' && pass_word("null");
}

bool reader::boolean(bool& out) noexcept {
  switch (peek()) {
  case 't':
    out = true;
    return pass_word("true");
  case 'f':
    out = false;
    return pass_word("false");
  case 'n':
    return pass_word("null");
  default:
    return fail(fault::type);
  }
}

bool reader::string(std::string_view& out) {
  const char c = peek();
  if (c == 'n') return pass_word("null");
  if (c != '"') return fail(fault::type);
  std::string_view inside;
  bool escaped = false;
  if (!pass_string(inside, escaped)) return false;
  if (escaped) return unescape(inside, out);
  out = inside;
  return true;
}

bool reader::string(std::string& out) {
  if (take_null()) return true;
  std::string_view view;
  if (!string(view)) return false;
  out = view;
  return true;
}

bool reader::unescape(std::string_view inside, std::string_view& out) {
  // Unescaped text is never longer than what it was written as: reserved once, the buffer never moves.
  if (unescaped_.capacity() < static_cast<std::size_t>(end_ - inside.data()) && unescaped_.empty())
    unescaped_.reserve(static_cast<std::size_t>(end_ - inside.data()));
  const auto begin = unescaped_.size();
  const char* at = inside.data();
  const char* const end = at + inside.size();
  while (at != end) {
    if (*at != '\\') {
      unescaped_ += *at++;
      continue;
    }
    const char kind = at[1];
    at += 2;
    if (kind != 'u') {
      unescaped_ += plain_escape(kind);
      continue;
    }
    auto c = static_cast<std::uint32_t>(hex4(at));
    at += 4;
    if (c >= 0xd800 && c < 0xe000) {
      // Half a pair has no form in UTF-8: it may pass inside a payload but not name anything.
      const int low = c < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? hex4(at + 2) : -1;
      if (low < 0xdc00 || low >= 0xe000) return fail(fault::type);
      c = 0x10000 + ((c - 0xd800) << 10) + (static_cast<std::uint32_t>(low) - 0xdc00);
      at += 6;
    }
    append_utf8(unescaped_, c);
  }
  out = std::string_view(unescaped_).substr(begin);
  return true;
}

template <class T>
bool reader::whole_number(T& out) noexcept {
  const char c = peek();
  if (c == 'n') return pass_word("null");
  if (c != '-' && !is_digit(c)) return fail(fault::type);
  const char* const begin = at_;
  if (!pass_number()) return false;
  T value = 0;
  const auto [end, ec] = std::from_chars(begin, at_, value);
  if (ec != std::errc{} || end != at_) return fail(fault::type);
  out = value;
  return true;
}

bool reader::integer(std::uint32_t& out) noexcept {
  return whole_number(out);
}

bool reader::integer(std::uint64_t& out) noexcept {
  return whole_number(out);
}

bool reader::integer(std::int32_t& out) noexcept {
  return whole_number(out);
}

bool reader::integer(std::int64_t& out) noexcept {
  return whole_number(out);
}

} // namespace plexus::protocol::json
