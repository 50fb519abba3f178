#include "transport/stream/framing.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace plexus::transport;

namespace {

std::string message(framing how, std::string_view text) {
  std::string out;
  append_framed(out, how, text);
  return out;
}

std::string begin(framing how) {
  std::string out;
  stream::append_begin(out, how);
  return out;
}

std::string end(framing how) {
  std::string out;
  stream::append_end(out, how);
  return out;
}

} // namespace

TEST_CASE("a line in a chunk") {
  CHECK(message(framing::stream_lines, "{}") == "3\r\n{}\n\r\n");
  CHECK(message(framing::plain_lines, "{}") == "{}\n");
}

TEST_CASE("an event in a chunk") {
  CHECK(message(framing::stream_events, "{}") == "a\r\ndata: {}\n\n\r\n");
  CHECK(message(framing::plain_events, "{}") == "data: {}\n\n");
}

TEST_CASE("a message of several lines is so many events") {
  CHECK(message(framing::plain_events, "{\"a\":1}\n{}") == "data: {\"a\":1}\n\ndata: {}\n\n");
  CHECK(message(framing::stream_events, "1\n2") == "12\r\ndata: 1\n\ndata: 2\n\n\r\n");
  CHECK(message(framing::stream_lines, "1\n2") == "4\r\n1\n2\n\r\n");
}

TEST_CASE("bytes that carry their own length") {
  const std::string bytes("\x03\n\r\0", 4);
  CHECK(message(framing::plain_bytes, bytes) == bytes);
  CHECK(message(framing::stream_bytes, bytes) == "4\r\n" + bytes + "\r\n");
}

TEST_CASE("a chunk of nothing would end the body") {
  CHECK(message(framing::stream_bytes, "") == "");
}

TEST_CASE("the size of a chunk is hexadecimal") {
  const std::string text(70'000, 'x');
  CHECK(message(framing::stream_lines, text) == "11171\r\n" + text + "\n\r\n");
}

TEST_CASE("begin and end of a body") {
  CHECK(begin(framing::stream_events) == "1\r\n\n\r\n");
  CHECK(begin(framing::plain_events) == "\n");
  CHECK(begin(framing::stream_lines) == "");
  CHECK(begin(framing::plain_bytes) == "");
  for (auto how : {framing::stream_lines, framing::stream_events, framing::stream_bytes})
    CHECK(end(how) == "0\r\n\r\n");
  for (auto how : {framing::plain_lines, framing::plain_events, framing::plain_bytes}) CHECK(end(how) == "");
}

TEST_CASE("the same publication in every framing at once") {
  struct member : fan_out_member {
    std::string got;
    void take(segment s, bool) override { got.append(s.data->bytes, s.from, s.size()); }
  };
  member socket, lines, events;
  lines.framing = framing::stream_lines;
  events.framing = framing::plain_events;
  fan_out_table table;
  for (auto* m : {&socket, &lines, &events}) table.add(*m, "a", {});
  auto what = std::make_shared<plexus::protocol::publication>();
  what->data = "1";
  table.emit(std::make_shared<const plexus::protocol::broadcast>(std::make_shared<const std::string>("a"),
                                                                 plexus::protocol::publication_push{what},
                                                                 plexus::protocol::broadcast::clock::time_point{}));
  table.close_batches();
  const std::string push = R"({"push":{"channel":"a","pub":{"data":1}}})";
  CHECK(socket.got == std::string("\x81") + static_cast<char>(push.size()) + push);
  CHECK(lines.got == "2a\r\n" + push + "\n\r\n");
  CHECK(events.got == "data: " + push + "\n\n");
  for (auto* m : {&socket, &lines, &events}) table.remove_all(*m);
}
