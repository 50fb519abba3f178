// Requests on a connection, as far as it takes the whole stage: bodies that nobody asked for, old clients, HEAD.
#include "tests/transport/talking_world.hpp"

using namespace plexus;
using namespace plexus::transport;

namespace {

/// Says how long the body was; takes long ones of who knows the word.
class counting final : public http::handler {
public:
  std::uint64_t max_body(const http::request& head) const override {
    return head.header("x-word") == "please" ? 100'000 : http::small_body;
  }
  http::response too_large(const http::request& head) const override {
    if (head.header("x-word") == "please") return http::handler::too_large(head);
    return http::sentence(401, "Say the word.");
  }
  void handle(const http::request& what, http::respond done) override {
    done(http::sentence(200, std::to_string(what.body.size()) + " bytes"));
  }
};

struct fixture : transport::testing::talking_world {
  fixture() { site.add("/count", site::port::everywhere, std::make_shared<counting>()); }

  static std::string post(std::string_view path, std::size_t length, std::string_view more = "") {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(more) +
           "Content-Length: " + std::to_string(length) + "\r\n\r\n";
  }
  static std::string status(const std::string& answer) { return answer.substr(0, answer.find('\r')); }
};

constexpr std::string_view chunked = "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n";

} // namespace

TEST_CASE_FIXTURE(fixture, "a body over what its head allows is refused before any of it is there") {
  auto got = ask(post("/count", 4097));
  CHECK(status(got) == "HTTP/1.1 401 Unauthorized");
  CHECK(got.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(status(ask(post("/count", 100'001, "X-Word: please\r\n"))) == "HTTP/1.1 413 Payload Too Large");
  CHECK(status(ask(post("/nothing", 4097))) == "HTTP/1.1 404 Not Found");
  CHECK(status(ask(post("/connection/websocket", 4097))) == "HTTP/1.1 413 Payload Too Large");
  got = post("/count", 4097);
  CHECK(status(ask(got.replace(0, 4, "BREW"))) == "HTTP/1.1 405 Method Not Allowed");
}

TEST_CASE_FIXTURE(fixture, "a body in chunks ends at the same limit") {
  const std::string chunk = "1000\r\n" + std::string(4096, 'x') + "\r\n";
  const auto ended = std::string("0\r\n\r\n");
  auto head = "POST /count HTTP/1.1\r\n" + std::string(chunked);
  CHECK(ask(head + chunk + ended).ends_with("4096 bytes\n"));
  CHECK(status(ask(head + chunk + chunk)) == "HTTP/1.1 401 Unauthorized");
  head = "POST /nothing HTTP/1.1\r\n" + std::string(chunked);
  CHECK(status(ask(head + chunk + chunk)) == "HTTP/1.1 404 Not Found");
}

TEST_CASE_FIXTURE(fixture, "a body within it is taken whole, and the connection goes on") {
  const std::string body(4096, 'x');
  CHECK(ask(post("/count", 4096) + body).ends_with("4096 bytes\n"));
  const std::string more(100'000, 'x');
  say(post("/count", more.size(), "X-Word: please\r\n") + more);
  CHECK(read().ends_with("100000 bytes\n"));
}

TEST_CASE_FIXTURE(fixture, "a client of HTTP/1.0 that wants to go on is told that it may") {
  const std::string old = "GET /count HTTP/1.0\r\nHost: a\r\n";
  auto got = ask(old + "Connection: keep-alive\r\n\r\n");
  CHECK(got.find("\r\nConnection: keep-alive\r\n") != std::string::npos);
  say(old + "\r\n");
  got = read();
  CHECK(got.find("\r\nConnection: close\r\n") != std::string::npos);
  got = ask("GET /count HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(got.find("\r\nConnection:") == std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "the refusal behind a HEAD has its body") {
  const auto got = ask("HEAD /count HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n");
  const auto refusal = got.substr(got.find("HTTP/1.1 400 "));
  CHECK(refusal.substr(refusal.find("\r\n\r\n") + 4).ends_with(".\n"));
}
