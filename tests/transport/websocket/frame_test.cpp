// Frames that are read and written as they should be.
#include "tests/transport/websocket/frames.hpp"

using namespace plexus;
using namespace plexus::transport::websocket;
using namespace plexus::transport::websocket::testing;
using namespace std::string_literals;

TEST_CASE("the reader is small") {
  CHECK(sizeof(frame_reader) <= 112);
}

TEST_CASE("a mixed stream is read the same however it is cut") {
  const std::string medium(300, 'm');
  const std::string stream = frame(fin | 1, "hello") + frame(fin | 9, "are you there") +
                             frame(fin | 2, "\0\1\xFF"s) + frame(1, "fr") + frame(fin | 10, "") + frame(0, "") +
                             frame(0, "agme") + frame(fin | 9, "in between") + frame(fin | 0, "nted \xE2\x82\xAC") +
                             frame(fin | 1, "") + frame(fin | 1, medium) + frame(2, "") + frame(fin | 0, "") +
                             frame(2, "x") + frame(fin | 0, "") + frame(fin | 9, std::string(125, 'p')) +
                             frame(fin | 8, close_payload(1001, "bye")) + frame(fin | 1, "too late");
  CHECK(read(stream) == lines{"text hello", "ping are you there", "binary \0\1\xFF"s, "pong ", "ping in between",
                              "text fragmented \xE2\x82\xAC", "text ", "text " + medium, "binary ", "binary x",
                              "ping " + std::string(125, 'p'), "close 1001 bye"});
}

TEST_CASE("a mixed stream cut in three") {
  const std::string stream = frame(1, "h\xC3\xA9") + frame(fin | 9, "ping") + frame(fin | 0, "llo wonderful world");
  const lines expected{"ping ping", "text h\xC3\xA9llo wonderful world"};
  for (std::size_t a = 0; a <= stream.size(); ++a) {
    for (std::size_t b = a; b <= stream.size(); ++b) {
      recorder sink;
      frame_reader reader(100);
      feed(reader, stream.substr(0, a), sink);
      feed(reader, stream.substr(a, b - a), sink);
      feed(reader, stream.substr(b), sink);
      REQUIRE(sink.lines == expected);
      REQUIRE(reader.held() == 0);
    }
  }
}

TEST_CASE("every size around the borders of length and mask") {
  for (std::size_t size :
       {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 125, 126, 127, 128, 1000, 65'535, 65'536}) {
    std::string payload(size, '\0');
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 7);
    CAPTURE(size);
    CHECK(read(frame(fin | 2, payload)) == lines{"binary " + payload});
  }
}

TEST_CASE("a big message arrives in pieces of any size") {
  std::string payload(3'000'000, '\0');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>('a' + i % 26);
  for (std::size_t piece : {1000U, 16'384U, 65'537U, 3'000'014U}) {
    const std::string stream = frame(fin | 1, payload) + frame(fin | 9, "after");
    recorder sink;
    frame_reader reader(payload.size());
    for (std::size_t at = 0; at < stream.size(); at += piece) feed(reader, stream.substr(at, piece), sink);
    CHECK(sink.lines == lines{"text " + payload, "ping after"});
    CHECK(reader.held() == 0);
  }
}

TEST_CASE("the number of fragments has no bound") {
  std::string stream = frame(1, "");
  std::string expected = "text ";
  for (int i = 0; i < 50'000; ++i) {
    stream += frame(0, i % 3 == 0 ? "" : "ab");
    expected += i % 3 == 0 ? "" : "ab";
  }
  stream += frame(fin | 0, "!");
  CHECK(read(stream) == lines{expected + "!"});
}

TEST_CASE("held counts the bytes of what isn't complete") {
  recorder sink;
  frame_reader reader(1000);
  feed(reader, frame(1, "12345"), sink);
  CHECK(reader.held() == 5);
  feed(reader, frame(fin | 9, "abc").substr(0, 8), sink);
  CHECK(reader.held() == 7);
  CHECK(sink.lines.empty());
}

TEST_CASE("headers are written in the shortest form") {
  const auto header = [](opcode kind, std::size_t size) {
    std::string out = "kept";
    append_header(out, kind, size);
    CHECK(out.size() == 4 + header_size(size));
    return out.substr(4);
  };
  CHECK(header(opcode::text, 0) == "\x81\0"s);
  CHECK(header(opcode::binary, 125) == "\x82\x7D");
  CHECK(header(opcode::text, 126) == "\x81\x7E\0\x7E"s);
  CHECK(header(opcode::text, 65'535) == "\x81\x7E\xFF\xFF"s);
  CHECK(header(opcode::text, 65'536) == "\x81\x7F\0\0\0\0\0\1\0\0"s);
  CHECK(header(opcode::binary, 0x0102030405060708) == "\x82\x7F\1\2\3\4\5\6\7\x08"s);
  CHECK(header(opcode::ping, 3) == "\x89\3"s);
  CHECK(header(opcode::pong, 3) == "\x8A\3"s);
}

TEST_CASE("close frames are written whole, their reason cut at a character") {
  const auto close = [](unsigned code, std::string_view reason) {
    std::string out;
    append_close(out, static_cast<std::uint16_t>(code), reason);
    return out;
  };
  CHECK(close(3501, "bad request") == "\x88\x0D\x0D\xAD"
                                      "bad request");
  CHECK(close(1000, "") == "\x88\x02\x03\xE8");
  CHECK(close(1005, "dropped") == "\x88\0"s);
  CHECK(close(1000, std::string(123, 'x')) == "\x88\x7D\x03\xE8" + std::string(123, 'x'));
  CHECK(close(1000, std::string(200, 'x')) == "\x88\x7D\x03\xE8" + std::string(123, 'x'));
  const std::string euro = "\xE2\x82\xAC";
  for (std::size_t lead : {121U, 122U}) // the sign begins before the border and ends beyond
    CHECK(close(1000, std::string(lead, 'x') + euro) ==
          "\x88"s + static_cast<char>(lead + 2) + "\x03\xE8" + std::string(lead, 'x'));
  CHECK(close(1000, std::string(120, 'x') + euro + "y") == "\x88\x7D\x03\xE8" + std::string(120, 'x') + euro);
}
