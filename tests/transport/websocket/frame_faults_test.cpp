// Frames that no client may send, and how conversations end.
#include "tests/transport/websocket/frames.hpp"

using namespace plexus;
using namespace plexus::transport::websocket;
using namespace plexus::transport::websocket::testing;
using namespace std::string_literals;

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
