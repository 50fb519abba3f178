#include "transport/http/head.hpp"

#include <algorithm>

namespace plexus::transport::http {

namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_token(char c) noexcept {
  return is_letter(c) || is_digit(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}
bool all_of(std::string_view text, bool (*which)(char) noexcept) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), which);
}

bool same(std::string_view a, std::string_view lower) noexcept {
  return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + ('a' - 'A')) : x) == y;
         });
}

std::string_view trim(std::string_view text) noexcept {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

int digit_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// A path that means one thing only: nothing encoded that separates, ends or isn't visible.
std::string_view path_fault(std::string_view path) noexcept {
  std::size_t segment = 0, dots = 0; // characters of the present segment, and how many of them are dots
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '\\') return "A path has no backslash.";
    const bool encoded = c == '%';
    if (encoded) {
      if (i + 2 >= path.size() || digit_value(path[i + 1]) < 0 || digit_value(path[i + 2]) < 0)
        return "A percent sign in a path begins two hexadecimal digits.";
      c = static_cast<char>(digit_value(path[i + 1]) * 16 + digit_value(path[i + 2]));
      i += 2;
      if (c == '/' || c == '\\' || (c >= 0 && c < ' ') || c == '\x7f')
        return "A path must not hide separators or control characters.";
    }
    if (c == '/') {
      if (dots > 0 && dots == segment && dots <= 2) return "A path must not lead upwards.";
      segment = dots = 0;
    } else {
      ++segment;
      dots += c == '.' ? 1 : 0;
    }
  }
  if (dots > 0 && dots == segment && dots <= 2) return "A path must not lead upwards.";
  return {};
}

std::string_view request_line_fault(std::string_view line, bool& http_1_1) noexcept {
  constexpr std::string_view no_request = "This is not an HTTP/1.1 request.";
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return no_request;
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!all_of(method, is_token)) return no_request;
  http_1_1 = version == "HTTP/1.1";
  if (!http_1_1 && version != "HTTP/1.0") return no_request;
  if (target.empty() || target.front() != '/') return "The target of a request is a path here.";
  const auto visible = [](char c) noexcept { return c > ' ' && c < '\x7f'; };
  if (!all_of(target, visible) || target.find('#') != std::string_view::npos)
    return "The target of a request has visible characters only.";
  return path_fault(target.substr(0, target.find('?')));
}

/// What decides where a request ends, and whom it is for.
struct decisive_fields {
  int hosts = 0, lengths = 0, encodings = 0;
};

std::string_view field_fault(std::string_view line, decisive_fields& seen) noexcept {
  if (line.front() == ' ' || line.front() == '\t') return "A header must not be folded over several lines.";
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !all_of(line.substr(0, colon), is_token))
    return "A header begins with its name and a colon, without spaces.";
  const auto name = line.substr(0, colon);
  const auto value = trim(line.substr(colon + 1));
  if (same(name, "host")) {
    ++seen.hosts;
    const auto of_host = [](char c) noexcept {
      return is_letter(c) || is_digit(c) || std::string_view(".-_~:[]%").find(c) != std::string_view::npos;
    };
    if (!value.empty() && !all_of(value, of_host)) return "Host must be a name or an address.";
  } else if (same(name, "content-length")) {
    ++seen.lengths;
    if (value.size() > 18 || !all_of(value, is_digit)) return "Content-Length must be one number.";
  } else if (same(name, "transfer-encoding")) {
    ++seen.encodings;
    if (!same(value, "chunked")) return "The only Transfer-Encoding known here is chunked.";
  }
  return {};
}

} // namespace

head_scan::state head_scan::look(std::string_view all) noexcept {
  for (; at_ < all.size(); ++at_) {
    const char c = all[at_];
    const bool after_cr = at_ > line_ && all[at_ - 1] == '\r';
    if (c == '\n') {
      if (!after_cr) return state::bad;
      const bool empty = at_ == line_ + 1;
      line_ = at_ + 1;
      if (!empty) continue;
      ++at_;
      return state::complete;
    }
    if (after_cr) return state::bad;
    if ((c >= 0 && c < ' ' && c != '\t' && c != '\r') || c == '\x7f') return state::bad;
  }
  return state::more;
}

std::string_view head_fault(std::string_view head) noexcept {
  bool first = true, http_1_1 = false;
  decisive_fields seen;
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(line.size() + 2, head.size()));
    if (first) {
      if (const auto fault = request_line_fault(line, http_1_1); !fault.empty()) return fault;
      first = false;
    } else if (!line.empty()) {
      if (const auto fault = field_fault(line, seen); !fault.empty()) return fault;
    }
  }
  if (first) return "This is not an HTTP/1.1 request.";
  if (seen.hosts > 1 || (http_1_1 && seen.hosts == 0)) return "A request has one Host header.";
  if (seen.lengths > 1) return "Content-Length must be one number.";
  if (seen.encodings > 1 || (seen.encodings == 1 && (seen.lengths > 0 || !http_1_1)))
    return "A request has one length: Content-Length or, in HTTP/1.1, chunks.";
  return {};
}

} // namespace plexus::transport::http
