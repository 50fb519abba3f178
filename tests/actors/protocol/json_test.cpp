#include "actors/protocol/json.hpp"
#include "actors/protocol/json_reader.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <simdjson.h>
#include <string>
#include <vector>

using namespace plexus::protocol;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

std::string escaped(std::string_view text) {
  std::string out = "x";
  json::append_string(out, text);
  return out.substr(1);
}

std::string one_line(std::string_view text) {
  std::string out = "x";
  json::append_one_line(out, text);
  return out.substr(1);
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

/// Checked in a heap block of exactly its size, so that the sanitizer sees a read past the end.
bool valid_exact(std::string_view text) {
  const auto block = std::make_unique<char[]>(text.size());
  std::copy(text.begin(), text.end(), block.get());
  return json::valid({block.get(), text.size()});
}

} // namespace

TEST_CASE("a plain string is copied between quotes") {
  CHECK(escaped("") == R"("")");
  CHECK(escaped("chat:room-1") == R"("chat:room-1")");
  CHECK(escaped("snow \xE2\x98\x83 and \xF0\x9F\x98\x80 \x7f") ==
        "\"snow \xE2\x98\x83 and \xF0\x9F\x98\x80 \x7f\"");
}

TEST_CASE("what can't stand in a string is escaped") {
  CHECK(escaped("a\"b\\c/d") == R"("a\"b\\c/d")");
  CHECK(escaped("\b\f\n\r\t") == R"("\b\f\n\r\t")");
  CHECK(escaped("\0\x01\x1f"sv) == R"("\u0000\u0001\u001f")");
}

TEST_CASE("an escape is found wherever it stands in a block of eight bytes") {
  for (std::size_t length = 1; length <= 40; ++length)
    for (std::size_t at = 0; at < length; ++at)
      for (const char c : {'"', '\\', '\n', '\x01'}) {
        std::string text(length, '\xC3');
        text[at] = c;
        const auto out = escaped(text);
        CHECK(out.size() == length + 2 + (c == '\x01' ? 5 : 1));
        CHECK(out.find('\\') == at + 1);
      }
}

TEST_CASE("valid JSON is accepted") {
  for (const auto text :
       {"{}"sv, "[]"sv, "null"sv, "true"sv, "false"sv, "0"sv, "-0"sv, "1.5e-3"sv, "1E+9"sv, "\"\""sv, " {} "sv,
        "\t\r\n[1 , 2]\n"sv, R"({"a":{"b":[1,"2",null]},"a":1})"sv, R"("\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00")"sv,
        "\"\xF0\x9F\x98\x80\""sv, "\"\x7f\""sv, "[[],{},[[]]]"sv, "{\"\":0}"sv})
    CHECK_MESSAGE(valid_exact(text), text);
}

TEST_CASE("numbers and escapes that browsers write are accepted though they fit no machine type") {
  for (const auto text : {"200000000000000000000"sv, "-123456789012345678901234567890"sv, "1e999"sv,
                          R"("\ud800")"sv, R"("cut \udc00 pair")"sv, R"("\ud83dx")"sv})
    CHECK_MESSAGE(valid_exact(text), text);
}

TEST_CASE("what isn't JSON is refused") {
  for (const auto text : {""sv,
                          " "sv,
                          "{"sv,
                          "}"sv,
                          "["sv,
                          "]"sv,
                          "{]"sv,
                          "[}"sv,
                          "[1,]"sv,
                          "[,1]"sv,
                          "[1 2]"sv,
                          "{,}"sv,
                          "{\"a\"}"sv,
                          "{\"a\":}"sv,
                          "{\"a\":1,}"sv,
                          "{\"a\" 1}"sv,
                          "{a:1}"sv,
                          "{1:2}"sv,
                          "{'a':1}"sv,
                          "{} {}"sv,
                          "{}x"sv,
                          "nul"sv,
                          "nulll"sv,
                          "True"sv,
                          "NaN"sv,
                          "Infinity"sv,
                          "01"sv,
                          "-"sv,
                          "+1"sv,
                          ".5"sv,
                          "1."sv,
                          "1.e3"sv,
                          "1e"sv,
                          "1e+"sv,
                          "0x10"sv,
                          "1_0"sv,
                          "- 1"sv,
                          "--1"sv,
                          "\""sv,
                          "\"a"sv,
                          "\"\\\""sv,
                          "\"\\"sv,
                          R"("\x")"sv,
                          R"("\u12")"sv,
                          R"("\u12g4")"sv,
                          R"("\u-123")"sv,
                          R"("\u0x1f")"sv,
                          R"("\U0041")"sv,
                          "\"a\nb\""sv,
                          "\"a\tb\""sv,
                          "\"a\0b\""sv,
                          "\0"sv,
                          "{}\0"sv,
                          "[1]\x0b"sv,
                          "//x\n1"sv,
                          "\xEF\xBB\xBF{}"sv})
    CHECK_MESSAGE(!valid_exact(text), text);
}

TEST_CASE("broken UTF-8 is refused") {
  for (const auto text : {"\"\xff\""sv, "\"\xC3\""sv, "\"\xC0\x80\""sv, "\"\xED\xA0\x80\""sv,
                          "\"\xF5\x80\x80\x80\""sv, "\"\xE2\x98\""sv})
    CHECK_FALSE(valid_exact(text));
}

TEST_CASE("nesting has a bound") {
  CHECK(valid_exact(nested(json::reader::max_depth)));
  CHECK_FALSE(valid_exact(nested(json::reader::max_depth + 1)));
  CHECK_FALSE(valid_exact(nested(1'000'000)));
  CHECK_FALSE(valid_exact(std::string(1'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK_FALSE(valid_exact(objects));
  // Side by side is not deep.
  std::string wide = "[";
  for (int i = 0; i < 10'000; ++i) wide += "[],";
  CHECK(valid_exact(wide + "[]]"));
}

TEST_CASE("text on one line stays untouched, other text loses its white space but nothing in its strings") {
  CHECK(one_line(" { \"a\" : 1 }\t") == " { \"a\" : 1 }\t");
  CHECK(one_line("{\n  \"a b\": [1,\r\n 2.50],\n  \"c\": \"\\n  x\"\n}\n") == R"({"a b":[1,2.50],"c":"\n  x"})");
  CHECK(one_line("1\r") == "1");
  CHECK(one_line("") == "");
  std::string long_text = "[\n", expected = "[";
  for (int i = 0; i < 1000; ++i) {
    long_text += "\"some  text\",\n  ";
    expected += "\"some  text\",";
  }
  CHECK(one_line(long_text + "0\n]") == expected + "0]");
}

TEST_CASE("fields are handed out by type, and null means not there") {
  const auto text = R"( {"s":"a\u00e9\n","n":null,"u":4294967295,"i":-5,"big":18446744073709551615,"b":true,
    "raw": [1, {"x":2}] ,"skip":{"s":[]}} )"s;
  json::reader in(text);
  std::string_view s, raw, n = "kept";
  std::uint32_t u = 0;
  std::int32_t i = 0;
  std::uint64_t big = 0;
  bool b = false;
  const auto field = [&](std::string_view key) {
    if (key == "s") return in.string(s);
    if (key == "n") return in.string(n);
    if (key == "u") return in.integer(u);
    if (key == "i") return in.integer(i);
    if (key == "big") return in.integer(big);
    if (key == "b") return in.boolean(b);
    if (key == "raw") return in.raw(raw);
    return in.skip();
  };
  REQUIRE(in.object(field));
  CHECK(in.finish());
  CHECK(s == "a\xC3\xA9\n");
  CHECK(n == "kept");
  CHECK(u == 4294967295U);
  CHECK(i == -5);
  CHECK(big == 18446744073709551615U);
  CHECK(b);
  CHECK(raw == R"([1, {"x":2}])");
}

TEST_CASE("a whole number that doesn't fit or isn't written as one is of the wrong type") {
  for (const auto text : {"4294967296"sv, "-1"sv, "1.0"sv, "1e2"sv, "\"1\""sv, "true"sv, "[]"sv, "-0"sv}) {
    json::reader in(text);
    std::uint32_t out = 7;
    CHECK_FALSE(in.integer(out));
    CHECK(in.why() == json::reader::fault::type);
    CHECK(out == 7);
  }
  json::reader in("01");
  std::uint32_t out = 0;
  CHECK((in.integer(out) && in.finish()) == false);
}

TEST_CASE("many escaped strings stay readable together") {
  std::string text = "[";
  for (int i = 0; i < 300; ++i) text += "\"\\u0041 line\\n " + std::to_string(i) + "\",";
  text += "\"\\ud83d\\ude00\"]";
  json::reader in(text);
  std::vector<std::string_view> views;
  REQUIRE(in.array([&] { return in.string(views.emplace_back()); }));
  REQUIRE(views.size() == 301);
  for (int i = 0; i < 300; ++i) CHECK(views[static_cast<std::size_t>(i)] == "A line\n " + std::to_string(i));
  CHECK(views.back() == "\xF0\x9F\x98\x80");
}

TEST_CASE("half of a surrogate pair names nothing") {
  for (const auto text : {R"("\ud800")"sv, R"("\udc00")"sv, R"("\ud800\ud800")"sv, R"("\ud800\n")"sv,
                          R"("\ud800x")"sv, R"("\udc00\ud800")"sv}) {
    json::reader in(text);
    std::string_view out;
    CHECK_FALSE(in.string(out));
  }
}

TEST_CASE("random changes to a document are judged as simdjson judges them") {
  const auto seed_text =
      R"({"id":1,"publish":{"channel":"a\u00e9b","data":[1,-2.5e3,true,false,null,{"k":"v\n"}],"x":{}}})"s;
  const auto letters = "{}[]\",:\\0123456789.-+eEtrufalsn \n\tx\x80\xC3\xA9\0"sv;
  std::mt19937 random(20240);
  simdjson::dom::parser parser;
  int accepted = 0, refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto text = seed_text;
    for (auto changes = random() % 3 + 1; changes > 0; --changes) {
      const auto at = random() % text.size();
      switch (random() % 3) {
      case 0:
        text[at] = letters[random() % letters.size()];
        break;
      case 1:
        text.erase(at, random() % 4 + 1);
        break;
      default:
        text.insert(at, 1, letters[random() % letters.size()]);
      }
      if (text.empty()) text = "0";
    }
    const auto other = parser.parse(text).error();
    const bool ours = valid_exact(text);
    // It refuses numbers and strings that are good JSON (see json_reader.hpp).
    if (other == simdjson::NUMBER_ERROR || other == simdjson::STRING_ERROR) continue;
    CHECK_MESSAGE(ours == (other == simdjson::SUCCESS), text);
    ++(ours ? accepted : refused);
  }
  CHECK(accepted > 1000);
  CHECK(refused > 1000);
}
