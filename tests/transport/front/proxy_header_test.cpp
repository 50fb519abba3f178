#include "transport/front/proxy_header.hpp"

#include <doctest/doctest.h>

#include <string_view>

using namespace plexus;
using namespace std::string_view_literals;
using transport::front::proxy_header;
using state = proxy_header::state;

namespace {

struct outcome {
  state how;
  std::string address; ///< "none" where the header names nobody
  std::uint16_t port;
  std::string rest;
  friend bool operator==(const outcome&, const outcome&) = default;
};

/// In pieces of `step` bytes.
outcome feed(std::string bytes, std::size_t step) {
  proxy_header header;
  auto how = state::more;
  for (std::size_t from = 0; from < bytes.size() && how == state::more; from += step) {
    std::span<char> piece(bytes.data() + from, std::min(step, bytes.size() - from));
    how = header.feed(piece);
    if (how == state::done) {
      auto at = static_cast<std::size_t>(piece.data() - bytes.data());
      auto& a = header.address();
      return {how, a ? config::to_string(*a) : "none", header.port(), bytes.substr(at)};
    }
  }
  return {how, "none", 0, ""};
}

/// The same however the bytes are cut.
outcome read(std::string_view bytes) {
  auto whole = feed(std::string(bytes), bytes.size() + 1);
  for (std::size_t step : {1UL, 2UL, 3UL, 7UL, 16UL, 17UL}) {
    CAPTURE(step);
    CHECK(feed(std::string(bytes), step) == whole);
  }
  return whole;
}

state result_of(std::string_view bytes) {
  return read(bytes).how;
}

constexpr auto begin = "\r\n\r\n\0\r\nQUIT\n"sv;

std::string binary(std::string_view command_and_family, std::string_view body, std::size_t claimed = SIZE_MAX) {
  auto length = claimed == SIZE_MAX ? body.size() : claimed;
  std::string out(begin);
  out += command_and_family;
  out += static_cast<char>(length >> 8);
  out += static_cast<char>(length & 255);
  return out.append(body);
}

constexpr auto v4_body = "\xcb\x00\x71\x09\x0a\x00\x00\x01\x1f\x90\x01\xbb"sv; // 203.0.113.9:8080 to 10.0.0.1:443

} // namespace

TEST_CASE("version 1 names the client, and what follows is the client's") {
  CHECK(read("PROXY TCP4 203.0.113.9 10.0.0.1 8080 443\r\nGET / HTTP/1.1\r\n") ==
        outcome{state::done, "203.0.113.9", 8080, "GET / HTTP/1.1\r\n"});
  CHECK(read("PROXY TCP6 2001:db8::9 2001:db8::1 65535 443\r\n\x16\x03\x01"sv) ==
        outcome{state::done, "2001:db8::9", 65535, "\x16\x03\x01"});
  CHECK(read("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
             "65535\r\n")
            .how == state::done);
}

TEST_CASE("version 1 without a name") {
  CHECK(read("PROXY UNKNOWN\r\nx") == outcome{state::done, "none", 0, "x"});
  CHECK(read("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n") == outcome{state::done, "none", 0, ""});
}

TEST_CASE("version 1 with any fault is no header") {
  for (const auto* text :
       {"GET / HTTP/1.1\r\n", "\x16\x03\x01\x02", "PROXY\r\n", "PROXY \r\n", "PROXX TCP4", "proxy TCP4 ",
        "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 example.com 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n "}) {
    CAPTURE(text);
    auto got = result_of(text);
    if (std::string_view(text).ends_with("1 2 \r\n "))
      CHECK(got == state::done); // a space at the end is nothing more
    else
      CHECK(got == state::wrong);
  }
}

TEST_CASE("version 1 is at most 107 bytes") {
  CHECK(result_of("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n") == state::done);
  CHECK(result_of("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n") == state::wrong);
  CHECK(result_of("PROXY TCP4 " + std::string(5000, ' ')) == state::wrong);
}

TEST_CASE("version 2 names the client, IPv4 and IPv6, over stream and datagram") {
  CHECK(read(binary("\x21\x11", v4_body) + "rest") == outcome{state::done, "203.0.113.9", 8080, "rest"});
  CHECK(read(binary("\x21\x12", v4_body)) == outcome{state::done, "203.0.113.9", 8080, ""});
  std::string v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09"sv);
  v6 += std::string(16, '\0') + std::string("\x1f\x90\x01\xbb"sv);
  CHECK(read(binary("\x21\x21", v6) + "\r\n") == outcome{state::done, "2001:db8::9", 8080, "\r\n"});
}

TEST_CASE("version 2: what follows the addresses is skipped") {
  auto with_tlvs = std::string(v4_body) + "\x04" + std::string(600, 'z');
  CHECK(read(binary("\x21\x11", with_tlvs) + "rest") == outcome{state::done, "203.0.113.9", 8080, "rest"});
}

TEST_CASE("version 2 without a name: health checks, unknown families, Unix sockets") {
  CHECK(read(binary("\x20\x00"sv, "") + "x") == outcome{state::done, "none", 0, "x"});
  CHECK(read(binary("\x20\x11", v4_body) + "x") == outcome{state::done, "none", 0, "x"});
  CHECK(read(binary("\x21\x00"sv, "abc") + "x") == outcome{state::done, "none", 0, "x"});
  CHECK(read(binary("\x21\x31", std::string(216, '/')) + "x") == outcome{state::done, "none", 0, "x"});
}

TEST_CASE("version 2 with any fault is no header") {
  CHECK(result_of(binary("\x11\x11", v4_body)) == state::wrong);               // version 1 in binary
  CHECK(result_of(binary("\x22\x11", v4_body)) == state::wrong);               // a command there isn't
  CHECK(result_of(binary("\x21\x41", v4_body)) == state::wrong);               // a family there isn't
  CHECK(result_of(binary("\x21\x13", v4_body)) == state::wrong);               // a transport there isn't
  CHECK(result_of(binary("\x21\x11", v4_body.substr(0, 11))) == state::wrong); // cut addresses
  CHECK(result_of(binary("\x21\x21", v4_body)) == state::wrong);               // IPv6 with the length of IPv4
  CHECK(result_of(binary("\x21\x11", v4_body, 5000)) == state::wrong);         // longer than we take, at once
  CHECK(result_of(std::string(begin.substr(0, 11)) + "X") == state::wrong);    // another signature
}

TEST_CASE("a header that isn't whole waits for the rest") {
  for (std::string_view text : {"P"sv, "PROXY TCP4 203.0.113.9"sv, "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r"sv, "\r\n"sv})
    CHECK(result_of(text) == state::more);
  auto whole = binary("\x21\x11", v4_body);
  for (std::size_t size = 1; size < whole.size(); ++size)
    CHECK(feed(whole.substr(0, size), 100).how == state::more);
}
