// Frames with permessage-deflate.
#include "tests/transport/websocket/frames.hpp"

using namespace plexus;
using namespace plexus::transport::websocket;
using namespace plexus::transport::websocket::testing;
using namespace std::string_literals;

namespace {

/// As a client that agreed to permessage-deflate sends it, in so many fragments.
std::string compressed(unsigned kind, std::string_view payload, std::size_t fragments = 1) {
  std::string out;
  const auto each = payload.size() / fragments;
  for (std::size_t i = 0; i < fragments; ++i) {
    const bool last = i + 1 == fragments;
    const auto part = payload.substr(i * each, last ? std::string_view::npos : each);
    out += frame((last ? fin : 0U) | (i == 0 ? 0x40U | kind : 0U), part);
  }
  return out;
}

lines read_deflate(const std::string& stream, std::size_t max_message = 1'000'000) {
  lines whole;
  for (std::size_t cut = 0; cut <= std::min<std::size_t>(stream.size(), 2000); ++cut) {
    recorder sink;
    frame_reader reader(max_message, true);
    feed(reader, stream.substr(0, cut), sink);
    feed(reader, stream.substr(cut), sink);
    if (cut == 0) whole = sink.lines;
    CAPTURE(cut);
    REQUIRE(sink.lines == whole);
    CHECK(reader.held() == 0);
  }
  return whole;
}

const std::string hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;

} // namespace

TEST_CASE("compressed messages among others, whole and in fragments") {
  CHECK(read_deflate(compressed(1, hello) + frame(fin | 1, "plain") + compressed(2, hello) +
                     compressed(1, hello, 3) + frame(fin | 9, "p") + compressed(1, "\0"s) +
                     frame(0x41, hello.substr(0, 2)) + frame(fin | 9, "between") +
                     frame(fin | 0, hello.substr(2))) == lines{"text Hello", "text plain", "binary Hello",
                                                               "text Hello", "ping p", "text ", "ping between",
                                                               "text Hello"});
}

TEST_CASE("the bit of compressed messages where it may not be") {
  for (unsigned kind : {8U, 9U, 10U}) CHECK(read_deflate(frame(fin | 0x40 | kind, "")) == fault_1002);
  CHECK(read_deflate(frame(0x41, hello.substr(0, 2)) + frame(fin | 0x40 | 0, hello.substr(2))) == fault_1002);
  CHECK(read_deflate(frame(1, "a") + frame(fin | 0x40 | 0, "b")) == fault_1002);
  for (unsigned bits : {0x60U, 0x50U, 0x70U, 0x20U, 0x10U})
    CHECK(read_deflate(frame(fin | bits | 1, hello)) == fault_1002);
  CHECK(read(compressed(1, hello)) == fault_1002); // not agreed to
}

TEST_CASE("compressed bytes that are none, and text that isn't UTF-8") {
  CHECK(read_deflate(compressed(1, "\xff\xff\xff")) == fault_1007);
  CHECK(read_deflate(compressed(2, hello.substr(0, 4))) == fault_1007);
  CHECK(read_deflate(compressed(1, "\x00\x01\x00\xfe\xff\xff\x00"s)) == fault_1007);
  CHECK(read_deflate(compressed(2, "\x00\x01\x00\xfe\xff\xff\x00"s)) == lines{"binary \xff"});
  // The compressed bytes themselves are no text.
  CHECK(read_deflate(compressed(1, hello, 7)) == lines{"text Hello"});
}

TEST_CASE("a compressed message counts as what it is inflated to") {
  CHECK(read_deflate(compressed(1, hello), 5) == lines{"text Hello"});
  CHECK(read_deflate(compressed(1, hello), 4) == fault_1009);
  CHECK(read_deflate(compressed(1, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s), 5) == lines{"text Hello"});
  // What is announced is refused by the header, in fragments as well.
  CHECK(read_deflate(compressed(1, std::string(100'000, '\0')).substr(0, 14), 1000) == fault_1009);
  std::string many = frame(0x42, std::string(600, '\0'));
  many += frame(0, std::string(600, '\0')).substr(0, 8);
  CHECK(read_deflate(many, 1000) == fault_1009);
}

TEST_CASE("a compressed message has its bit in the header") {
  std::string out;
  append_header(out, opcode::text, 3, true);
  append_header(out, opcode::binary, 3, true);
  CHECK(out == "\xC1\3\xC2\3");
}
