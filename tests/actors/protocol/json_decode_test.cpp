#include "actors/protocol/codec.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

using namespace plexus::protocol;
using namespace std::string_literals;

namespace {

/// Decodes `text` and runs `look` on each command while its views hold. Returns the number of commands, -1 minus it
/// for a fault.
template <class Look>
int decode(std::string_view text, Look&& look) {
  int count = 0;
  const bool good = codec_for(format::json).decode(padded_text(text), [&](const command& c) {
    ++count;
    look(c);
    return true;
  });
  return good ? count : -1 - count;
}

int decode(std::string_view text) {
  return decode(text, [](const command&) {});
}

/// Decodes exactly one command of a kind and runs `look` on it.
template <class T, class Look>
void one(std::string_view text, Look&& look) {
  const int count = decode(text, [&](const command& c) {
    REQUIRE(std::holds_alternative<T>(c.body));
    look(c, std::get<T>(c.body));
  });
  CHECK_MESSAGE(count == 1, text);
}

constexpr int fault = -1; // before any command was handled

} // namespace

TEST_CASE("an empty object is the pong") {
  for (const auto* text : {"{}", " { } ", "{}\n", "{}\r\n"})
    one<pong_command>(text, [](const command& c, const auto&) { CHECK(c.id == 0); });
}

TEST_CASE("connect carries token, data, name, version and the subscriptions to recover") {
  one<connect_command>(
      R"({"id":1,"connect":{"token":"t.o.k","data": {"a": 1} ,"name":"js","version":"5.5.2","headers":{"x":"y"},)"
      R"("subs":{"a":{"recover":true,"offset":18446744073709551615,"epoch":"abcdefgh"},"b\u0062":{},"c":null}}})",
      [](const command& c, const connect_command& body) {
        CHECK(c.id == 1);
        CHECK(body.token == "t.o.k");
        CHECK(body.data == R"({"a": 1})");
        CHECK(body.name == "js");
        CHECK(body.version == "5.5.2");
        REQUIRE(body.subs.size() == 2);
        CHECK(body.subs[0].channel == "a");
        CHECK(body.subs[0].recover);
        CHECK(body.subs[0].since.offset == std::numeric_limits<std::uint64_t>::max());
        CHECK(body.subs[0].since.epoch == "abcdefgh");
        CHECK(body.subs[1].channel == "bb");
        CHECK_FALSE(body.subs[1].recover);
      });
  one<connect_command>(R"({"connect":{},"id":4294967295})", [](const command& c, const connect_command& body) {
    CHECK(c.id == 4294967295U);
    CHECK(body.token.empty());
    CHECK(body.data.empty());
    CHECK(body.subs.empty());
  });
}

TEST_CASE("subscribe carries all its options") {
  one<subscribe_command>(
      R"({"id":2,"subscribe":{"channel":"chat:1","token":"t","data":[1],"recover":true,"epoch":"e","offset":7,)"
      R"("positioned":true,"recoverable":true,"join_leave":true,"delta":"fossil","flag":3,"new":[{}]}})",
      [](const command& c, const subscribe_command& body) {
        CHECK(c.id == 2);
        CHECK(body.channel == "chat:1");
        CHECK(body.token == "t");
        CHECK(body.data == "[1]");
        CHECK(body.recover);
        CHECK(body.since.epoch == "e");
        CHECK(body.since.offset == 7);
        CHECK(body.positioned);
        CHECK(body.recoverable);
        CHECK(body.join_leave);
        CHECK(body.delta == "fossil");
        CHECK(body.flags == 3);
      });
  one<subscribe_command>(R"({"id":2,"subscribe":{"channel":"c","recover":false,"token":null,"offset":null}})",
                         [](const command&, const subscribe_command& body) {
                           CHECK_FALSE(body.recover);
                           CHECK_FALSE(body.join_leave);
                           CHECK(body.token.empty());
                           CHECK(body.since.offset == 0);
                           CHECK(body.flags == 0);
                         });
}

TEST_CASE("publish leaves the payload's bytes alone") {
  const auto data_of = [](const std::string& data) {
    std::optional<std::string> out;
    one<publish_command>(R"({"id":3,"publish":{"data":)" + data + R"(,"channel":"c"}})",
                         [&](const command&, const publish_command& body) {
                           CHECK(body.channel == "c");
                           out = body.data;
                         });
    return out;
  };
  for (const auto* data : {R"({ "b" : 1.50, "a" : [ ] })", "\"\\u0041\\n\"", "12345678901234567890123", "1e999",
                           "-0.0", "\"\\ud800\"", "true", "\"\xE2\x98\x83\"", R"({"id":9,"publish":{}})"})
    CHECK(data_of(data) == data);
  CHECK(data_of("  \t[1 , 2]  ") == "[1 , 2]");
  CHECK(data_of("null") == "null"); // to publish null is to publish something
  one<publish_command>(R"({"id":3,"publish":{"channel":"c"}})",
                       [](const command&, const publish_command& body) { CHECK(body.data.empty()); });
}

TEST_CASE("the commands that name a channel") {
  one<unsubscribe_command>(R"({"id":4,"unsubscribe":{"channel":"c"}})",
                           [](const command&, const auto& body) { CHECK(body.channel == "c"); });
  one<presence_command>(R"({"id":4,"presence":{"channel":"c"}})",
                        [](const command&, const auto& body) { CHECK(body.channel == "c"); });
  one<presence_stats_command>(R"({"id":4,"presence_stats":{"channel":"c"}})",
                              [](const command&, const auto& body) { CHECK(body.channel == "c"); });
  one<sub_refresh_command>(R"({"id":4,"sub_refresh":{"channel":"c","token":"t"}})",
                           [](const command&, const auto& body) {
                             CHECK(body.channel == "c");
                             CHECK(body.token == "t");
                           });
}

TEST_CASE("history has a limit, a position and a direction") {
  one<history_command>(
      R"({"id":5,"history":{"channel":"c","limit":-1,"since":{"offset":3,"epoch":"e"},"reverse":true}})",
      [](const command&, const history_command& body) {
        CHECK(body.channel == "c");
        CHECK(body.limit == -1);
        REQUIRE(body.since.has_value());
        CHECK(body.since->offset == 3);
        CHECK(body.since->epoch == "e");
        CHECK(body.reverse);
      });
  one<history_command>(R"({"id":5,"history":{"channel":"c","since":null}})",
                       [](const command&, const history_command& body) {
                         CHECK(body.limit == 0);
                         CHECK_FALSE(body.since.has_value());
                         CHECK_FALSE(body.reverse);
                       });
  one<history_command>(R"({"id":5,"history":{"channel":"c","since":{}}})",
                       [](const command&, const history_command& body) {
                         REQUIRE(body.since.has_value());
                         CHECK(body.since->offset == 0);
                         CHECK(body.since->epoch.empty());
                       });
}

TEST_CASE("rpc, refresh and send") {
  CHECK(decode(R"({"id":6,"rpc":{"method":"m","data":null}})",
               [](const command& c) { CHECK(std::get<rpc_command>(c.body).data.empty()); }) == 1);
  one<rpc_command>(R"({"id":6,"rpc":{"method":"game.move","data":{"x":1}}})",
                   [](const command&, const rpc_command& body) {
                     CHECK(body.method == "game.move");
                     CHECK(body.data == R"({"x":1})");
                   });
  one<refresh_command>(R"({"id":7,"refresh":{"token":"t"}})",
                       [](const command&, const refresh_command& body) { CHECK(body.token == "t"); });
  one<send_command>(R"({"send":{"data":"hi"}})", [](const command& c, const send_command& body) {
    CHECK(c.id == 0);
    CHECK(body.data == "\"hi\"");
  });
}

TEST_CASE("several commands share a message, in their order") {
  std::vector<std::uint32_t> ids;
  const auto text = "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"\\u0061\"}}\r\n"
                    "{}\n{\"id\":3,\"publish\":{\"channel\":\"b\",\"data\":{}}}\n"s;
  CHECK(decode(text, [&](const command& c) { ids.push_back(c.id); }) == 4);
  CHECK(ids == std::vector<std::uint32_t>{1, 2, 0, 3});
}

TEST_CASE("a command's own bytes are a message with that command alone") {
  std::vector<std::string> raw;
  const auto keep = [&](const command& c) { raw.emplace_back(c.raw); };
  CHECK(decode("{\"send\":{}}\n{\"id\":2,\r\"connect\":{}}\r\n{}\n", keep) == 3);
  REQUIRE(raw == std::vector<std::string>{"{\"send\":{}}", "{\"id\":2,\"connect\":{}}", "{}"});
  for (const auto& message : raw) CHECK(decode(message) == 1);
}

TEST_CASE("what stood before a fault has been handled") {
  CHECK(decode("{}\n{}\n{\"id\":1}\n{}") == -3);
  CHECK(decode("{}\n\xff") == -2);
}

TEST_CASE("the handler ends the decoding") {
  int count = 0;
  CHECK(codec_for(format::json).decode(padded_text("{}\n{}\nbroken"), [&](const command&) { return ++count < 2; }));
  CHECK(count == 2);
}

TEST_CASE("empty messages and blank lines are faults") {
  for (const auto* text : {"", "\n", " ", "\r\n", "\n{}"}) CHECK(decode(text) == fault);
  CHECK(decode("{}\n\n") == -2);
  CHECK(decode("{}\n\n{}") == -2);
  CHECK(decode("{}\n ") == -2);
}

TEST_CASE("what isn't one object a line is a fault") {
  for (const auto* text : {"x", "[]", "null", "1", "\"{}\"", "{", "}", "{}}", "{}{}", "{} x",
                           "{\"id\":1,\"publish\":{\"channel\":\"c\"}", "{\"id\":1,\n\"connect\":{}}",
                           "{\"id\":1,\"connect\":{},}", "{\"id\":1 \"connect\":{}}"})
    CHECK_MESSAGE(decode(text) == fault, text);
  CHECK(decode("{}\0"s) == fault);
  CHECK(decode("\0{}"s) == fault);
  CHECK(decode("{\"id\":1,\"connect\":{\"name\":\"a\0b\"}}"s) == fault);
}

TEST_CASE("a broken payload is a fault, however deep the break is") {
  for (const auto* data :
       {"x", "{", "[1,]", "{\"a\":01}", "\"\\x\"", "{\"a\":[{\"b\":nul}]}", "\"\xff\"", "'a'", ""})
    CHECK_MESSAGE(decode(R"({"id":1,"publish":{"channel":"c","data":)"s + data + "}}") == fault, data);
  const auto deep = [](std::size_t n) {
    return R"({"id":1,"publish":{"channel":"c","data":)" + std::string(n, '[') + std::string(n, ']') + "}}";
  };
  CHECK(decode(deep(510)) == 1);
  CHECK(decode(deep(511)) == fault);
  CHECK(decode(deep(30'000)) == fault);
  // Fields that nobody reads are no place for garbage either.
  CHECK(decode(R"({"id":1,"connect":{"headers":{"a":tru}}})") == fault);
}

TEST_CASE("ids are needed, above zero and within 32 bits") {
  for (const auto* text :
       {R"({"connect":{}})", R"({"id":0,"connect":{}})", R"({"id":null,"connect":{}})",
        R"({"id":4294967296,"connect":{}})", R"({"id":-1,"connect":{}})", R"({"id":1.5,"connect":{}})",
        R"({"id":"1","connect":{}})", R"({"id":true,"connect":{}})",
        R"({"id":99999999999999999999999,"connect":{}})", R"({"id":4294967296,"send":{}})"})
    CHECK_MESSAGE(decode(text) == fault, text);
}

TEST_CASE("an object must hold exactly one known command") {
  for (const auto* text :
       {R"({"id":5})", R"({"id":0})", R"({"id":1,"connect":null})", R"({"id":1,"dance":{}})", R"({"dance":{}})",
        R"({"id":1,"connect":{},"refresh":{}})", R"({"id":1,"connect":{},"connect":{}})",
        R"({"id":1,"Connect":{}})", R"({"id":1,"send":{},"rpc":{"method":"a"}})"})
    CHECK_MESSAGE(decode(text) == fault, text);
  CHECK(decode(R"({"id":1,"connect":{},"refresh":null})") == 1);
  CHECK(decode(R"({"id":1,"\u0063onnect":{}})") == 1);
  CHECK(decode(R"({"id":1,"later":[],"connect":{}})") == 1);
}

TEST_CASE("commands about a channel need its name") {
  for (const auto* name :
       {"subscribe", "unsubscribe", "publish", "presence", "presence_stats", "history", "sub_refresh"}) {
    const auto with = [&](const std::string& body) { return "{\"id\":1,\""s + name + "\":" + body + "}"; };
    CHECK(decode(with("{\"channel\":\"c\"}")) == 1);
    CHECK(decode(with("{}")) == fault);
    CHECK(decode(with("{\"channel\":\"\"}")) == fault);
    CHECK(decode(with("{\"channel\":null}")) == fault);
    CHECK(decode(with("{\"channel\":5}")) == fault);
    CHECK(decode(with("{\"channel\":\"\\ud800\"}")) == fault);
    CHECK(decode(with("[]")) == fault);
    CHECK(decode(with("\"c\"")) == fault);
  }
  CHECK(decode(R"({"id":1,"connect":{"subs":{"":{}}}})") == fault);
}

TEST_CASE("a known field of the wrong type is a fault") {
  for (const auto* field :
       {R"("token":1)", R"("recover":1)", R"("recover":"true")", R"("epoch":{})", R"("offset":"7")",
        R"("offset":-1)", R"("offset":1.5)", R"("offset":18446744073709551616)", R"("positioned":0)",
        R"("recoverable":[])", R"("join_leave":"")", R"("delta":true)", R"("flag":"1")", R"("flag":-1)"})
    CHECK_MESSAGE(decode(R"({"id":1,"subscribe":{"channel":"c",)"s + field + "}}") == fault, field);
  for (const auto* field : {R"("limit":"1")", R"("limit":2147483648)", R"("since":5)", R"("since":{"offset":"1"})",
                            R"("since":{"epoch":1})", R"("reverse":1)"})
    CHECK_MESSAGE(decode(R"({"id":1,"history":{"channel":"c",)"s + field + "}}") == fault, field);
  for (const auto* field : {R"("token":[])", R"("name":1)", R"("version":1)", R"("subs":[])", R"("subs":{"a":1})",
                            R"("subs":{"a":{"offset":true}})", R"("subs":{"a":{"recover":0}})"})
    CHECK_MESSAGE(decode(R"({"id":1,"connect":{)"s + field + "}}") == fault, field);
  CHECK(decode(R"({"id":1,"rpc":{"method":1}})") == fault);
  CHECK(decode(R"({"id":1,"refresh":{"token":1}})") == fault);
}

TEST_CASE("of a field given twice the last counts") {
  one<publish_command>(R"({"id":1,"publish":{"channel":"a","data":1,"channel":"b","data":[2]},"id":9})",
                       [](const command& c, const publish_command& body) {
                         CHECK(c.id == 9);
                         CHECK(body.channel == "b");
                         CHECK(body.data == "[2]");
                       });
}

TEST_CASE("names are unescaped") {
  one<rpc_command>(
      R"({"id":1,"rpc":{"\u006dethod":"a\"\\\/\b\f\n\r\t\u0000\u00e9\u2603\ud83d\ude00","data":"\u0041"}})",
      [](const command&, const rpc_command& body) {
        CHECK(body.method == "a\"\\/\b\f\n\r\t\0\xC3\xA9\xE2\x98\x83\xF0\x9F\x98\x80"s);
        CHECK(body.data == "\"\\u0041\"");
      });
}

TEST_CASE("payloads have no carriage returns, which would break an event stream") {
  one<publish_command>("{\"id\":1,\r \"publish\":{\"channel\":\"c\",\"data\":{\"a b\":\r[1,\r2]}}}\r",
                       [](const command&, const publish_command& body) { CHECK(body.data == "{\"a b\":[1,2]}"); });
  // Taking white space out must not make something of nothing.
  CHECK(decode("{\"id\":1,\"publish\":{\"channel\":\"c\",\"data\":1\r2}}") == fault);
  CHECK(decode("{\"id\":1,\"publish\":{\"channel\":\"a\rb\"}}") == fault);
}

TEST_CASE("a handler may decode another message meanwhile") {
  one<publish_command>(R"({"id":1,"publish":{"channel":"a\u0062","data":"x"}})",
                       [](const command&, const publish_command& body) {
                         one<publish_command>(R"({"id":1,"publish":{"channel":"c\u0064","data":"y"}})",
                                              [](const command&, const auto&) {});
                         CHECK(body.channel == "ab");
                         CHECK(body.data == "\"x\"");
                       });
}

TEST_CASE("every cut of a message is a fault and nothing worse") {
  const auto text =
      R"({"id":12,"connect":{"token":"a\u00e9\ud83d\ude00","data":{"a":[1.5e3,true,null]},"subs":{"x":{"offset":1}}}})"s;
  CHECK(decode(text) == 1);
  for (std::size_t length = 0; length < text.size(); ++length) CHECK(decode(text.substr(0, length)) == fault);
}
