#include "transport/front/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

namespace plexus::transport::front {

namespace {

using namespace std::string_view_literals;

constexpr auto text_begin = "PROXY "sv;
constexpr auto binary_begin = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t max_text = 107; // with its line end, as the protocol's definition says
constexpr std::size_t binary_head = 16;

std::uint8_t byte_at(const std::string& of, std::size_t where) {
  return static_cast<std::uint8_t>(of[where]);
}

std::uint16_t two_bytes(const std::string& of, std::size_t where) {
  return static_cast<std::uint16_t>(byte_at(of, where) << 8 | byte_at(of, where + 1));
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t out = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, out);
  if (error != std::errc{} || rest != end || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return out;
}

/// Up to the next space, which is taken off too.
std::string_view next_word(std::string_view& line) {
  auto word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

} // namespace

// A byte at a time until it is clear how long the header is: it is short, and nothing of the client's may be taken.
proxy_header::state proxy_header::feed(std::span<char>& bytes) {
  while (state_ == state::more && !bytes.empty()) {
    std::size_t wanted = 1;
    if (held_.size() >= binary_head && held_.starts_with(binary_begin))
      wanted = binary_head + two_bytes(held_, 14) - held_.size();
    auto count = std::min(wanted, bytes.size());
    held_.append(bytes.data(), count);
    bytes = bytes.subspan(count);
    look();
  }
  if (state_ != state::more) std::string().swap(held_);
  return state_;
}

void proxy_header::look() {
  std::string_view so_far = held_;
  auto begins = [&](std::string_view with) { return with.starts_with(so_far.substr(0, with.size())); };
  if (begins(text_begin))
    look_at_text();
  else if (begins(binary_begin))
    look_at_binary();
  else
    state_ = state::wrong;
}

// PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n
void proxy_header::look_at_text() {
  if (!held_.ends_with("\r\n")) {
    if (held_.size() >= max_text || held_.find('\n') != std::string::npos) state_ = state::wrong;
    return;
  }
  state_ = state::wrong;
  std::string_view line(held_.data(), held_.size() - 2);
  if (line.size() <= text_begin.size()) return;
  line.remove_prefix(text_begin.size());
  auto kind = next_word(line);
  if (kind == "UNKNOWN") {
    state_ = state::done;
    return;
  }
  if (kind != "TCP4" && kind != "TCP6") return;
  auto source_text = next_word(line), target_text = next_word(line);
  auto source_port = next_word(line), target_port = next_word(line);
  auto source = config::parse_address(source_text), target = config::parse_address(target_text);
  auto port = parse_port(source_port), other = parse_port(target_port);
  auto written_as_v6 = [](std::string_view a) { return a.find(':') != std::string_view::npos; };
  if (!source || !target || !port || !other || !line.empty()) return;
  if (written_as_v6(source_text) != (kind == "TCP6") || written_as_v6(target_text) != (kind == "TCP6")) return;
  address_ = source;
  port_ = *port;
  state_ = state::done;
}

void proxy_header::look_at_binary() {
  if (held_.size() < binary_head) return;
  std::size_t length = two_bytes(held_, 14);
  auto version = byte_at(held_, 12) >> 4, command = byte_at(held_, 12) & 15;
  auto family = byte_at(held_, 13) >> 4, transport = byte_at(held_, 13) & 15;
  constexpr int local = 0, proxy = 1;
  if (version != 2 || command > proxy || family > 3 || transport > 2 || binary_head + length > max_size) {
    state_ = state::wrong;
    return;
  }
  if (held_.size() < binary_head + length) return;
  state_ = state::done;
  if (command == local) return;
  constexpr int inet = 1, inet6 = 2;
  std::size_t size = family == inet ? 4 : 16;
  if (family != inet && family != inet6) return;
  if (length < 2 * size + 4) {
    state_ = state::wrong;
    return;
  }
  if (family == inet) {
    std::uint8_t four[4];
    std::memcpy(four, held_.data() + binary_head, size);
    address_ = config::from_v4(four);
  } else {
    std::memcpy(address_.emplace().bytes.data(), held_.data() + binary_head, size);
  }
  port_ = two_bytes(held_, binary_head + 2 * size);
}

} // namespace plexus::transport::front
