#include "transport/http/message.hpp"

#include <algorithm>

namespace plexus::transport::http {

namespace {

int hex(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

} // namespace

std::string decode_url(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])));
      i += 2;
    } else {
      out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

std::string_view request::header(std::string_view name) const noexcept {
  for (auto& [n, value] : headers)
    if (n == name) return value;
  return {};
}

std::string request::all_headers(std::string_view name) const {
  std::string out;
  for (auto& [n, value] : headers)
    if (n == name) out.append(out.empty() ? "" : ", ").append(value);
  return out;
}

std::string request::parameter(std::string_view name) const {
  std::string_view rest = query;
  while (!rest.empty()) {
    auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    auto equals = pair.find('=');
    if (decode_url(pair.substr(0, equals), true) == name)
      return equals == std::string_view::npos ? std::string() : decode_url(pair.substr(equals + 1), true);
  }
  return {};
}

} // namespace plexus::transport::http
