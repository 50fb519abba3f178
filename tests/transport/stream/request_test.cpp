#include "transport/stream/request.hpp"

#include <doctest/doctest.h>

using namespace plexus;
using namespace plexus::transport;
using namespace plexus::transport::stream;

namespace {

http::request post(std::string body, std::string type = "application/json") {
  return {"POST", std::string(http_stream_path), {}, {{"content-type", std::move(type)}}, std::move(body)};
}

http::request get(std::string query) {
  return {"GET", std::string(sse_path), std::move(query), {}, {}};
}

struct opened {
  stream_opening what;
  int refused = 0;
};

opened open(const http::request& what, std::size_t max_message = 100) {
  config::settings settings;
  settings.client.max_message_size = max_message;
  auto read = read_request(what, settings);
  if (auto* refusal = std::get_if<http::response>(&read)) return {{}, refusal->status};
  return {std::get<stream_opening>(std::move(read))};
}

} // namespace

TEST_CASE("the body of a POST is the first message") {
  const auto got = open(post("{\"id\":1}")).what;
  CHECK(got.first.view() == "{\"id\":1}");
  CHECK(got.framing == framing::stream_lines);
  CHECK(got.reusable);
  CHECK(got.head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(got.head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(got.head.find("X-Accel-Buffering: no\r\n") != std::string::npos);
  CHECK(got.head.ends_with("\r\n"));
}

TEST_CASE("an event source has it in its address") {
  const auto got = open(get("a=b&cf_connect=%7B%22id%22%3A1%7D")).what;
  CHECK(got.first.view() == "{\"id\":1}");
  CHECK(got.framing == framing::stream_events);
  CHECK(got.head.find("Content-Type: text/event-stream") != std::string::npos);
}

TEST_CASE("HTTP/1.0 has no chunks and no second request") {
  auto what = post("{}");
  what.version = 10;
  what.keep_alive = true;
  const auto got = open(what).what;
  CHECK(got.framing == framing::plain_lines);
  CHECK_FALSE(got.reusable);
  CHECK(got.head.find("Transfer-Encoding") == std::string::npos);
  CHECK(got.head.find("Connection: close\r\n") != std::string::npos);
}

TEST_CASE("a client that wants the connection closed gets it closed") {
  auto what = post("{}");
  what.keep_alive = false;
  const auto got = open(what).what;
  CHECK(got.framing == framing::stream_lines);
  CHECK_FALSE(got.reusable);
}

TEST_CASE("Protobuf needs no lines") {
  auto what = post(std::string("\x01\0", 2), "application/octet-stream");
  CHECK(open(what).what.framing == framing::stream_bytes);
  CHECK(open(what).what.format == protocol::format::protobuf);
  CHECK(open(what).what.head.find("Content-Type: application/octet-stream\r\n") != std::string::npos);
  what.version = 10;
  CHECK(open(what).what.framing == framing::plain_bytes);
}

TEST_CASE("what can't be a stream is refused") {
  CHECK(open(post("")).refused == 400);
  CHECK(open(get("")).refused == 400);
  CHECK(open(get("cf_connect=")).refused == 400);
  CHECK(open(post(std::string(101, 'x'))).refused == 413);
  CHECK(open(get("cf_connect=" + std::string(101, 'x'))).refused == 413);
  CHECK(open(post(std::string(100, 'x'))).refused == 0);
  auto wrong = post("{}");
  wrong.method = "GET";
  CHECK(open(wrong).refused == 405);
}

TEST_CASE("the content type chooses the format") {
  CHECK(format_of("application/octet-stream") == protocol::format::protobuf);
  CHECK(format_of("Application/Octet-Stream ; x=y") == protocol::format::protobuf);
  CHECK(format_of("") == protocol::format::json);
  CHECK(format_of("application/json; charset=utf-8") == protocol::format::json);
  CHECK(format_of("text/plain") == protocol::format::json);
}

TEST_CASE("a body may be as large as its path needs") {
  config::settings settings;
  settings.client.max_message_size = 1000;
  CHECK(max_body(http_stream_path, settings) == 1000);
  CHECK(max_body(emulation_path, settings) >= 2000);
}
