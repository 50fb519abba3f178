#include "transport/http/head.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace plexus::transport::http;
using namespace std::string_literals;

namespace {

/// Of all bytes at once, cut in two at every place, and one by one: must be the same.
std::string scan(const std::string& bytes) {
  const auto name = [](const head_scan& s, head_scan::state how) {
    return how == head_scan::state::more  ? "more"s
           : how == head_scan::state::bad ? "bad"s
                                          : "complete " + std::to_string(s.size());
  };
  head_scan whole;
  const auto expected = name(whole, whole.look(bytes));
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    head_scan s;
    auto how = s.look(std::string_view(bytes).substr(0, cut));
    if (how == head_scan::state::more) how = s.look(bytes);
    CAPTURE(cut);
    CHECK(name(s, how) == expected);
  }
  head_scan slow;
  auto how = head_scan::state::more;
  for (std::size_t n = 1; n <= bytes.size() && how == head_scan::state::more; ++n)
    how = slow.look(std::string_view(bytes).substr(0, n));
  CHECK(name(slow, how) == expected);
  return expected;
}

std::string_view of_target(const std::string& target) {
  static std::string head;
  head = "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
  return head_fault(head);
}
std::string_view of_fields(const std::string& fields, const std::string& version = "HTTP/1.1") {
  static std::string head;
  head = "POST /api/info " + version + "\r\n" + fields + "\r\n";
  return head_fault(head);
}

} // namespace

TEST_CASE("a head ends with an empty line, wherever the reads were cut") {
  const auto head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"s;
  const auto end = "complete " + std::to_string(head.size());
  CHECK(scan(head) == end);
  CHECK(scan(head + "body\n\n\x01") == end);
  CHECK(scan(head.substr(0, head.size() - 1)) == "more");
  CHECK(scan("") == "more");
  CHECK(scan("\r\n") == "complete 2"); // and then it is no request
  CHECK(scan("GET / HTTP/1.1\r\nX: \ttab \xC3\xA9\r\n\r\n") == "complete 30");
}

TEST_CASE("line ends and control characters that others may read differently") {
  for (const auto& bad :
       {"GET / HTTP/1.1\n"s, "GET / HTTP/1.1\r\nHost: a\n\r\n"s, "GET / HTTP/1.1\r\nHost: a\r\n\n"s,
        "GET / HTTP/1.1\rHost"s, "GET / HTTP/1.1\r\r\n"s, "GET / HTTP/1.1\r\n\rX"s, "\n"s, "GET /\0 HTTP/1.1"s,
        "GET /\x7f"s, "\x16\x03\x01"s, "GET / HTTP/1.1\r\nX: \x0b"s})
    CHECK(scan(bad) == "bad");
}

TEST_CASE("paths and queries that are served") {
  for (const auto* target : {"/", "/api/publish", "/a?", "/?q=%2F%00%", "/a%20b", "/%C3%A9", "/...", "/a/.b/..c",
                             "/a//b", "/connection/websocket?format=json&x=a/../b", "/a%2eb", "/a:b@c;d=e,f"}) {
    CAPTURE(target);
    CHECK(of_target(target).empty());
  }
}

TEST_CASE("targets that aren't a path, or hide something in it") {
  for (const auto* target : {"http://a/", "HTTP://a/api/info",
                             "a:80",      "*",
                             "",          "api",
                             "/a b",      "/%",
                             "/%2",       "/%zz",
                             "/%2g",      "/a%2fb",
                             "/a%2Fb",    "/a%5cb",
                             "/a\\b",     "/%00",
                             "/a%0d%0ab", "/%7f",
                             "/%1F",      "/../a",
                             "/a/..",     "/a/../b",
                             "/.",        "/./a",
                             "/%2e%2e/a", "/%2e",
                             "/a/.%2E",   "/\xC3\xA9",
                             "/a#b",      "/a?\xff",
                             " /",        "/ "}) {
    CAPTURE(target);
    CHECK_FALSE(of_target(target).empty());
  }
}

TEST_CASE("request lines") {
  const auto line = [](const std::string& text) { return head_fault(text + "\r\nHost: a\r\n\r\n").empty(); };
  CHECK(line("GET / HTTP/1.1"));
  CHECK(line("GET / HTTP/1.0"));
  CHECK(line("BREW / HTTP/1.1")); // whether it is known is not the head's matter
  for (const auto* bad : {"GET / HTTP/1.2", "GET / HTTP/2.0", "GET / http/1.1", "GET / HTTP/1.1 ",
                          "GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", "GET /", "GET", "",
                          "G@T / HTTP/1.1", "GET\t/ HTTP/1.1", "GET / HTTP/1.1x", "GET / HTTP/11", "/ HTTP/1.1"}) {
    CAPTURE(bad);
    CHECK_FALSE(line(bad));
  }
  CHECK_FALSE(head_fault("\r\n").empty());
}

TEST_CASE("one host") {
  CHECK(of_fields("Host: a.example:80\r\n").empty());
  CHECK(of_fields("hOsT:[::1]:8000\r\n").empty());
  CHECK(of_fields("Host:\r\n").empty());
  CHECK(of_fields("", "HTTP/1.0").empty());
  CHECK(of_fields("").find("Host") != std::string_view::npos);
  for (const auto* bad : {"Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", "Host: a b\r\n", "Host: a/b\r\n",
                          "Host: a@b\r\n", "Host: a, b\r\n"})
    CHECK_FALSE(of_fields(bad).empty());
  CHECK_FALSE(of_fields("Host: a\r\nHost: a\r\n", "HTTP/1.0").empty());
}

TEST_CASE("one length") {
  const auto good = [](const std::string& fields, const std::string& version = "HTTP/1.1") {
    return of_fields("Host: a\r\n" + fields, version).empty();
  };
  CHECK(good("Content-Length: 0\r\n"));
  CHECK(good("content-length:\t10 \r\n"));
  CHECK(good("Transfer-Encoding: Chunked\r\n"));
  for (const auto* bad :
       {"Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1\r\ncontent-length: 2\r\n",
        "Content-Length: 1, 1\r\n", "Content-Length: +1\r\n", "Content-Length: -1\r\n", "Content-Length: 0x1\r\n",
        "Content-Length: 1 1\r\n", "Content-Length:\r\n", "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: \"chunked\"\r\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(good(bad));
  }
  CHECK_FALSE(good("Transfer-Encoding: chunked\r\n", "HTTP/1.0"));
}

TEST_CASE("fields that aren't a name, a colon and a value") {
  for (const auto* bad : {" X: folded\r\n", "\tX: folded\r\n", "X: a\r\n folded\r\n", "X : a\r\n", "X\t: a\r\n",
                          "X a\r\n", ": a\r\n", "X\xC3\xA9: a\r\n", "X(y): a\r\n", "Content-Length : 5\r\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(of_fields("Host: a\r\n"s + bad).empty());
  }
  CHECK(of_fields("Host: a\r\nX:\r\nY: a:b c\r\nZ!#$: \xC3\xA9\r\n").empty());
}
