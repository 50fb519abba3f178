#include "transport/websocket/frame.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace plexus;
using namespace plexus::transport::websocket;
using namespace std::string_literals;

namespace {

/// Writes down what it gets, one line each; stops where the line begins with `stop_at`.
struct recorder : frame_sink {
  std::vector<std::string> lines;
  std::string stop_at = "never";

  bool note(std::string line) {
    lines.push_back(std::move(line));
    return !lines.back().starts_with(stop_at);
  }
  static std::string number(close_status code) { return std::to_string(static_cast<int>(code)); }

  bool on_message(opcode kind, protocol::padded_text message) override {
    const char* end = message.view().data() + message.size();
    CHECK(std::all_of(end, end + protocol::padded_text::padding, [](char c) { return c == '\0'; }));
    return note((kind == opcode::text     ? "text "
                 : kind == opcode::binary ? "binary "
                                          : "?? ") +
                std::string(message.view()));
  }
  bool on_ping(std::string_view payload) override { return note("ping " + std::string(payload)); }
  bool on_pong(std::string_view payload) override { return note("pong " + std::string(payload)); }
  bool on_close(close_status code, std::string_view reason) override {
    return note("close " + number(code) + " " + std::string(reason));
  }
  void on_fault(close_status code, std::string_view why) override {
    CHECK_FALSE(why.empty());
    note("fault " + number(code));
  }
};

using lines = std::vector<std::string>;

constexpr unsigned fin = 0x80;
unsigned key_of_test = 0xA1B2C3D4;

/// A client's frame: first byte, payload; `length_bytes` (0, 2, 8) other than the shortest may be asked for.
std::string frame(unsigned first, std::string_view payload, int length_bytes = -1) {
  const std::size_t size = payload.size();
  if (length_bytes < 0) length_bytes = size < 126 ? 0 : size <= 0xFFFF ? 2 : 8;
  std::string out;
  out += static_cast<char>(first);
  out += static_cast<char>(0x80U | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
  for (int i = length_bytes - 1; i >= 0; --i) out += static_cast<char>(size >> (8 * i));
  std::string key;
  for (int i = 0; i < 4; ++i) key += static_cast<char>(key_of_test >> (8 * i));
  key_of_test = key_of_test * 1'664'525U + 1'013'904'223U;
  out += key;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(payload[i] ^ key[i % 4]);
  return out;
}

void feed(frame_reader& reader, std::string bytes, frame_sink& sink) {
  reader.feed(bytes, sink);
}

/// All at once, byte by byte, and cut in two at every place: must be the same.
lines read(const std::string& stream, std::size_t max_message = 1'000'000) {
  recorder whole;
  frame_reader reader(max_message);
  feed(reader, stream, whole);

  recorder single;
  frame_reader slow(max_message);
  for (const char byte : stream) feed(slow, std::string(1, byte), single);
  CHECK(single.lines == whole.lines);
  CHECK(slow.held() == reader.held());

  for (std::size_t cut = 0; cut <= stream.size() && stream.size() < 2000; ++cut) {
    recorder halves;
    frame_reader two(max_message);
    feed(two, stream.substr(0, cut), halves);
    feed(two, stream.substr(cut), halves);
    if (halves.lines != whole.lines) {
      CAPTURE(cut);
      CHECK(halves.lines == whole.lines);
    }
  }
  return whole.lines;
}

const lines fault_1002{"fault 1002"};
const lines fault_1007{"fault 1007"};
const lines fault_1009{"fault 1009"};

std::string close_payload(unsigned code, std::string_view reason = {}) {
  return std::string{static_cast<char>(code >> 8U), static_cast<char>(code)} + std::string(reason);
}

} // namespace

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

TEST_CASE("frames that break the protocol") {
  CHECK(read("\x81\x05hello"s) == fault_1002); // not masked
  for (unsigned bits : {0x40U, 0x20U, 0x10U, 0x70U}) CHECK(read(frame(fin | bits | 1, "x")) == fault_1002);
  for (unsigned kind : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    CHECK(read(frame(fin | kind, "x")) == fault_1002);
    CHECK(read(frame(kind, "x")) == fault_1002);
  }
  for (unsigned kind : {8U, 9U, 10U}) {
    CHECK(read(frame(kind, "")) == fault_1002); // a fragment of a control frame
    CHECK(read(frame(fin | kind, std::string(126, 'x'))) == fault_1002);
    CHECK(read(frame(fin | kind, std::string(70'000, 'x')).substr(0, 100)) == fault_1002);
    CHECK(read(frame(fin | kind, "xx", 2)) == fault_1002);
  }
}

TEST_CASE("fragments out of order") {
  CHECK(read(frame(0, "x")) == fault_1002);
  CHECK(read(frame(fin | 0, "x")) == fault_1002);
  CHECK(read(frame(fin | 1, "a") + frame(fin | 0, "x")) == lines{"text a", "fault 1002"});
  CHECK(read(frame(1, "a") + frame(fin | 0, "b") + frame(0, "c")) == lines{"text ab", "fault 1002"});
  CHECK(read(frame(1, "a") + frame(fin | 1, "b")) == fault_1002);
  CHECK(read(frame(2, "") + frame(1, "b")) == fault_1002);
  CHECK(read(frame(2, "a") + frame(fin | 9, "p") + frame(fin | 2, "b")) == lines{"ping p", "fault 1002"});
}

TEST_CASE("lengths not in their shortest form, or beyond 63 bits") {
  for (std::size_t size : {0U, 1U, 125U}) CHECK(read(frame(fin | 2, std::string(size, 'x'), 2)) == fault_1002);
  for (std::size_t size : {0U, 125U, 126U, 65'535U})
    CHECK(read(frame(fin | 2, std::string(size, 'x'), 8)) == fault_1002);
  CHECK(read("\x82\xFF\x80\0\0\0\0\0\0\1mask"s) == fault_1002);
  CHECK(read("\x82\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFmask"s) == fault_1002);
}

TEST_CASE("a message too big is known by its header") {
  CHECK(read(frame(fin | 2, "0123456789"), 10) == lines{"binary 0123456789"});
  CHECK(read(frame(fin | 2, "0123456789x").substr(0, 6), 10) == fault_1009);
  CHECK(read("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFmask"s, 10) == fault_1009);
  CHECK(read("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFmask"s, static_cast<std::size_t>(-1)).empty());
}

TEST_CASE("fragments are too big together") {
  CHECK(read(frame(2, "01234") + frame(0, "5678") + frame(fin | 0, "9"), 10) == lines{"binary 0123456789"});
  CHECK(read(frame(2, "01234") + frame(0, "5678") + frame(fin | 0, "9x").substr(0, 6), 10) == fault_1009);
  CHECK(read(frame(2, "01234") + frame(fin | 9, "no part of it") + frame(fin | 0, "56789"), 10) ==
        lines{"ping no part of it", "binary 0123456789"});
  CHECK(read(frame(fin | 2, "0123456789") + frame(fin | 2, "0123456789"), 10).size() == 2); // counted anew
}

TEST_CASE("text that isn't UTF-8, whole and in fragments cut at every place") {
  const std::vector<std::string> bad{"\xFF",         "\xC0\x80",         "\xC1\xBF",         "\xED\xA0\x80",
                                     "\xE0\x80\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                                     "\x80",         "\xE2\x82",         "\xF0\x9F\x98",     "\xC3",
                                     "\xE2\x28\xA1", "\xF0\x9F\x98\x28"};
  for (const auto& bytes : bad) {
    for (const std::string& text : {bytes, "before " + bytes, bytes + " after", "before " + bytes + " after"}) {
      CAPTURE(text);
      CHECK(read(frame(fin | 1, text)) == fault_1007);
      CHECK(read(frame(fin | 2, text)) == lines{"binary " + text});
      for (std::size_t cut = 0; cut <= text.size(); ++cut)
        CHECK(read(frame(1, text.substr(0, cut)) + frame(fin | 0, text.substr(cut))) == fault_1007);
    }
  }
}

TEST_CASE("characters may be cut by fragments at every place") {
  const std::string text =
      "\xCE\xBA\xE0\xA0\x80\xED\x9F\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\xEF\xBF\xBF\xC2\x80 end";
  for (std::size_t a = 0; a <= text.size(); ++a) {
    for (std::size_t b = a; b <= text.size(); ++b)
      CHECK(read(frame(1, text.substr(0, a)) + frame(0, text.substr(a, b - a)) + frame(fin | 0, text.substr(b))) ==
            lines{"text " + text});
  }
}

TEST_CASE("bad text is found before the rest has come") {
  recorder sink;
  frame_reader reader(1000);
  feed(reader, frame(1, "\xCE\xBA\xF4"), sink);
  CHECK(sink.lines.empty());
  feed(reader, frame(0, "\x90"), sink); // no character begins so
  CHECK(sink.lines == fault_1007);

  recorder other;
  frame_reader second(1000);
  feed(second, frame(fin | 1, "ok\xFFmany more bytes").substr(0, 9), other);
  CHECK(other.lines == fault_1007);
  CHECK(second.held() == 0);
}

TEST_CASE("close frames") {
  CHECK(read(frame(fin | 8, "")) == lines{"close 1005 "});
  CHECK(read(frame(fin | 8, close_payload(1000))) == lines{"close 1000 "});
  CHECK(read(frame(fin | 8, close_payload(4999, std::string(123, 'r')))) ==
        lines{"close 4999 " + std::string(123, 'r')});
  CHECK(read(frame(1, "unfinished") + frame(fin | 8, close_payload(1001, "\xE2\x82\xAC"))) ==
        lines{"close 1001 \xE2\x82\xAC"});
  CHECK(read(frame(fin | 8, "\3")) == fault_1002);
  CHECK(read(frame(fin | 8, "\x0F") + frame(fin | 1, "")) == fault_1002); // 0x0F81 would be allowed
  CHECK(read(frame(fin | 8, close_payload(1000, "\xE2\x82"))) == fault_1007);
}

TEST_CASE("which close codes a client may send") {
  for (unsigned code = 0; code < 65'536; code += code < 5100 ? 1 : 997) {
    const bool good =
        (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
    recorder sink;
    frame_reader reader(10);
    feed(reader, frame(fin | 8, close_payload(code)), sink);
    CAPTURE(code);
    REQUIRE(sink.lines == (good ? lines{"close " + std::to_string(code) + " "} : fault_1002));
  }
}

TEST_CASE("nothing follows a fault, a close or a sink that said stop") {
  const std::string more = frame(fin | 1, "more");
  const auto after = [&](std::string first, std::string stop_at) {
    recorder sink;
    sink.stop_at = std::move(stop_at);
    frame_reader reader(1000);
    feed(reader, first + more, sink);
    feed(reader, more, sink);
    CHECK(reader.held() == 0);
    return sink.lines;
  };
  CHECK(after(frame(fin | 3, ""), "never") == fault_1002);
  CHECK(after(frame(1, "held") + frame(fin | 3, ""), "never") == fault_1002);
  CHECK(after(frame(fin | 8, ""), "never") == lines{"close 1005 "});
  CHECK(after(frame(fin | 1, "one"), "text") == lines{"text one"});
  CHECK(after(frame(1, "one") + frame(fin | 0, "two"), "text") == lines{"text onetwo"});
  CHECK(after(frame(1, "one") + frame(fin | 9, "p"), "ping") == lines{"ping p"});
  CHECK(after(frame(fin | 10, "p"), "pong") == lines{"pong p"});
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
