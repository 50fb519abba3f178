#include "actors/protocol/codec.hpp"
#include "tests/actors/protocol/protobuf_bytes.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace plexus::protocol;
using namespace plexus::protocol::wire;
using namespace std::string_literals;

namespace {

/// Decodes `message` and runs `look` on each command while its views hold. Returns the number of commands, -1 minus
/// it for a fault.
template <class Look>
int decode(std::string_view message, Look&& look) {
  int count = 0;
  const bool good = codec_for(format::protobuf).decode(padded_text(message), [&](const command& c) {
    ++count;
    look(c);
    return true;
  });
  return good ? count : -1 - count;
}

int decode(std::string_view message) {
  return decode(message, [](const command&) {});
}

/// Decodes exactly one command of a kind and runs `look` on it.
template <class T, class Look>
void one(std::string_view inside, Look&& look) {
  const int count = decode(framed(inside), [&](const command& c) {
    REQUIRE(std::holds_alternative<T>(c.body));
    look(c, std::get<T>(c.body));
  });
  CHECK(count == 1);
}

constexpr int fault = -1; // before any command was handled

// Fields of a command.
constexpr unsigned connect = 4, subscribe = 5, unsubscribe = 6, publish = 7, presence = 8, presence_stats = 9,
                   history = 10, send = 12, rpc = 13, refresh = 14, sub_refresh = 15;

const std::string connect_1 = num(1, 1) + str(connect, "");

} // namespace

TEST_CASE("protobuf: a length of zero is the pong") {
  int count = 0;
  CHECK(decode("\0"s, [&](const command& c) {
          CHECK(std::holds_alternative<pong_command>(c.body));
          CHECK(c.id == 0);
          ++count;
        }) == 1);
  CHECK(count == 1);
}

TEST_CASE("protobuf: connect carries token, data, name, version and the subscriptions to recover") {
  const auto since = num(3, 1) + str(6, "abcdefgh") + num(7, std::numeric_limits<std::uint64_t>::max());
  const auto body = str(1, "t.o.k") + str(2, "\xff\0x"s) + str(3, str(1, "a") + str(2, since)) +
                    str(3, str(2, "") + str(1, "b")) + str(3, str(1, "c")) + str(4, "js") + str(5, "5.8.0") +
                    str(6, str(1, "x") + str(2, "y")) + num(7, 1);
  one<connect_command>(num(1, 1) + str(connect, body), [](const command& c, const connect_command& out) {
    CHECK(c.id == 1);
    CHECK(out.token == "t.o.k");
    CHECK(out.data == "\xff\0x"s);
    CHECK(out.name == "js");
    CHECK(out.version == "5.8.0");
    REQUIRE(out.subs.size() == 3);
    CHECK(out.subs[0].channel == "a");
    CHECK(out.subs[0].recover);
    CHECK(out.subs[0].since.offset == std::numeric_limits<std::uint64_t>::max());
    CHECK(out.subs[0].since.epoch == "abcdefgh");
    CHECK(out.subs[1].channel == "b");
    CHECK_FALSE(out.subs[1].recover);
    CHECK(out.subs[2].channel == "c");
  });
  one<connect_command>(str(connect, "") + num(1, 4294967295), [](const command& c, const connect_command& out) {
    CHECK(c.id == 4294967295U);
    CHECK(out.token.empty());
    CHECK(out.subs.empty());
  });
}

TEST_CASE("protobuf: subscribe carries all its options") {
  const auto body = str(1, "chat:1") + str(2, "t") + num(3, 1) + str(6, "e") + num(7, 7) + str(8, "[1]") +
                    num(9, 1) + num(10, 1) + num(11, 1) + str(12, "fossil") + str(13, "\x0a\x01x") + num(14, 3) +
                    num(15, 9) + str(99, "later");
  one<subscribe_command>(num(1, 2) + str(subscribe, body), [](const command& c, const subscribe_command& out) {
    CHECK(c.id == 2);
    CHECK(out.channel == "chat:1");
    CHECK(out.token == "t");
    CHECK(out.data == "[1]");
    CHECK(out.recover);
    CHECK(out.since.epoch == "e");
    CHECK(out.since.offset == 7);
    CHECK(out.positioned);
    CHECK(out.recoverable);
    CHECK(out.join_leave);
    CHECK(out.delta == "fossil");
    CHECK(out.flags == 3);
  });
  one<subscribe_command>(num(1, 2) + str(subscribe, str(1, "c")), [](const command&, const auto& out) {
    CHECK_FALSE(out.recover);
    CHECK_FALSE(out.positioned);
    CHECK_FALSE(out.recoverable);
    CHECK_FALSE(out.join_leave);
    CHECK(out.since.offset == 0);
    CHECK(out.flags == 0);
  });
}

TEST_CASE("protobuf: publish leaves the payload's bytes alone and says whether they are JSON") {
  const auto look = [](const std::string& data, bool binary) {
    one<publish_command>(num(1, 3) + str(publish, str(2, data) + str(1, "c")),
                         [&](const command&, const publish_command& out) {
                           CHECK(out.channel == "c");
                           CHECK(out.data == data);
                           CHECK_MESSAGE(out.binary == binary, data);
                         });
  };
  for (const auto* data : {R"({ "b" : 1.50, "a" : [ ] })", "\"\\u0041\\n\"", "12345678901234567890123", "-0.0",
                           "true", "null", "\"\xE2\x98\x83\"", " [1,\r\n 2] "})
    look(data, false);
  for (const auto& data :
       {"plain"s, "{"s, "\0"s, "\x01\x02\xff"s, "\"\xff\""s, "1 2"s, " "s, "\n"s, "\x0a\x03{}\n"s})
    look(data, true);
  look(std::string(512, '[') + std::string(512, ']'), false);
  look(std::string(30'000, '['), true);
  one<publish_command>(num(1, 3) + str(publish, str(1, "c")), [](const command&, const publish_command& out) {
    CHECK(out.data.empty());
    CHECK_FALSE(out.binary);
  });
}

TEST_CASE("protobuf: the commands that name a channel") {
  one<unsubscribe_command>(num(1, 4) + str(unsubscribe, str(1, "c")),
                           [](const command&, const auto& out) { CHECK(out.channel == "c"); });
  one<presence_command>(num(1, 4) + str(presence, str(1, "c")),
                        [](const command&, const auto& out) { CHECK(out.channel == "c"); });
  one<presence_stats_command>(num(1, 4) + str(presence_stats, str(1, "c")),
                              [](const command&, const auto& out) { CHECK(out.channel == "c"); });
  one<sub_refresh_command>(num(1, 4) + str(sub_refresh, str(1, "c") + str(2, "t")),
                           [](const command&, const auto& out) {
                             CHECK(out.channel == "c");
                             CHECK(out.token == "t");
                           });
}

TEST_CASE("protobuf: history has a limit, a position and a direction") {
  const auto body = str(1, "c") + num(7, ~std::uint64_t{0}) + str(8, num(1, 3) + str(2, "e")) + num(9, 1);
  one<history_command>(num(1, 5) + str(history, body), [](const command&, const history_command& out) {
    CHECK(out.channel == "c");
    CHECK(out.limit == -1);
    REQUIRE(out.since.has_value());
    CHECK(out.since->offset == 3);
    CHECK(out.since->epoch == "e");
    CHECK(out.reverse);
  });
  one<history_command>(num(1, 5) + str(history, str(1, "c")), [](const command&, const history_command& out) {
    CHECK(out.limit == 0);
    CHECK_FALSE(out.since.has_value());
    CHECK_FALSE(out.reverse);
  });
  one<history_command>(num(1, 5) + str(history, str(1, "c") + str(8, "")),
                       [](const command&, const history_command& out) {
                         REQUIRE(out.since.has_value());
                         CHECK(out.since->offset == 0);
                       });
}

TEST_CASE("protobuf: rpc, refresh and send") {
  one<rpc_command>(num(1, 6) + str(rpc, str(1, R"({"x":1})") + str(2, "game.move")),
                   [](const command&, const rpc_command& out) {
                     CHECK(out.method == "game.move");
                     CHECK(out.data == R"({"x":1})");
                     CHECK_FALSE(out.binary);
                   });
  one<rpc_command>(num(1, 6) + str(rpc, str(1, "\xff")),
                   [](const command&, const rpc_command& out) { CHECK(out.binary); });
  one<rpc_command>(num(1, 6) + str(rpc, ""), [](const command&, const rpc_command& out) {
    CHECK(out.data.empty());
    CHECK_FALSE(out.binary);
  });
  one<refresh_command>(num(1, 7) + str(refresh, str(1, "t")),
                       [](const command&, const refresh_command& out) { CHECK(out.token == "t"); });
  one<send_command>(str(send, str(1, "hi")), [](const command& c, const send_command& out) {
    CHECK(c.id == 0);
    CHECK(out.data == "hi");
  });
}

TEST_CASE("protobuf: several commands share a message, in their order") {
  std::vector<std::uint32_t> ids;
  const auto message = framed(connect_1) + framed(num(1, 2) + str(subscribe, str(1, "a"))) + "\0"s +
                       framed(num(1, 3) + str(publish, str(1, "b") + str(2, std::string(300, 'x'))));
  CHECK(decode(message, [&](const command& c) { ids.push_back(c.id); }) == 4);
  CHECK(ids == std::vector<std::uint32_t>{1, 2, 0, 3});
}

TEST_CASE("protobuf: a command's own bytes are a message with that command alone") {
  std::vector<std::string> raw;
  const auto keep = [&](const command& c) { raw.emplace_back(c.raw); };
  const std::vector<std::string> parts{framed(str(send, "")), framed(connect_1), "\0"s};
  CHECK(decode(parts[0] + parts[1] + parts[2], keep) == 3);
  REQUIRE(raw == parts);
  for (const auto& message : raw) CHECK(decode(message) == 1);
}

TEST_CASE("protobuf: what stood before a fault has been handled") {
  CHECK(decode("\0\0"s + framed(num(1, 1)) + "\0"s) == -3);
  CHECK(decode("\0\xff"s) == -2);
}

TEST_CASE("protobuf: the handler ends the decoding") {
  int count = 0;
  CHECK(codec_for(format::protobuf).decode(padded_text("\0\0\xff"s), [&](const command&) { return ++count < 2; }));
  CHECK(count == 2);
}

TEST_CASE("protobuf: what isn't the wire format is a fault") {
  CHECK(decode("") == fault);
  CHECK(decode(R"({"id":1,"connect":{}})") == fault);
  CHECK(decode(std::string(11, '\xff')) == fault);                     // a length of more than 64 bits
  CHECK(decode("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s) == fault); // the longest length there is
  CHECK(decode(framed(connect_1 + "\0\0"s)) == fault);                 // field 0
  CHECK(decode(framed(connect_1 + "\x9b\x06"s)) == fault);             // a group: no longer part of the format
  CHECK(decode(framed(connect_1 + "\x9e\x06"s)) == fault);             // a wire type that doesn't exist
  CHECK(decode(framed(connect_1 + str(99, "x").substr(0, 3))) == fault);
  CHECK(decode(framed(num(1, 1) + str(connect, "\x0a\x05x"))) == fault); // a text longer than its message
}

TEST_CASE("protobuf: texts are UTF-8, since JSON clients get them too") {
  for (const auto* bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "a\xe2\x98"}) {
    CHECK(decode(framed(num(1, 1) + str(subscribe, str(1, bad)))) == fault);
    CHECK(decode(framed(num(1, 1) + str(publish, str(1, bad) + str(2, "1")))) == fault);
    CHECK(decode(framed(num(1, 1) + str(presence, str(1, bad)))) == fault);
    CHECK(decode(framed(num(1, 1) + str(connect, str(1, bad)))) == fault);
    CHECK(decode(framed(num(1, 1) + str(connect, str(3, str(1, bad))))) == fault);
    CHECK(decode(framed(num(1, 1) + str(rpc, str(2, bad)))) == fault);
    CHECK(decode(framed(num(1, 1) + str(history, str(1, "c") + str(8, str(2, bad))))) == fault);
    CHECK(decode(framed(num(1, 1) + str(sub_refresh, str(1, "c") + str(2, bad)))) == fault);
    CHECK(decode(framed(num(1, 1) + str(refresh, str(1, bad)))) == fault);
  }
  one<publish_command>(num(1, 1) + str(publish, str(1, "\xE2\x98\x83\0"s) + str(2, "1")),
                       [](const command&, const publish_command& out) { CHECK(out.channel == "\xE2\x98\x83\0"s); });
}

TEST_CASE("protobuf: ids are needed, above zero and within 32 bits") {
  for (const auto& id : {""s, num(1, 0), num(1, 1ULL << 32), num(1, ~std::uint64_t{0}), str(1, "1"),
                         "\x0d\x01\0\0\0"s /* four bytes, no varint */})
    CHECK(decode(framed(id + str(connect, ""))) == fault);
  CHECK(decode(framed(num(1, 1ULL << 32) + str(send, ""))) == fault);
}

TEST_CASE("protobuf: a command holds exactly one known request") {
  CHECK(decode(framed(num(1, 5))) == fault);
  CHECK(decode(framed(num(1, 0))) == fault);
  CHECK(decode(framed(str(99, "x"))) == fault);
  CHECK(decode(framed(num(1, 1) + str(11, ""))) ==
        fault); // `ping` of the definition: clients send the empty command
  CHECK(decode(framed(num(1, 1) + str(connect, "") + str(refresh, ""))) == fault);
  CHECK(decode(framed(num(1, 1) + str(connect, "") + str(connect, ""))) == fault);
  CHECK(decode(framed(num(1, 1) + str(send, "") + str(rpc, ""))) == fault);
  CHECK(decode(framed(num(1, 1) + str(99, "x") + str(connect, ""))) == 1);
}

TEST_CASE("protobuf: commands about a channel need its name") {
  for (const auto which : {subscribe, unsubscribe, publish, presence, presence_stats, history, sub_refresh}) {
    const auto with = [&](const std::string& body) { return framed(num(1, 1) + str(which, body)); };
    CHECK(decode(with(str(1, "c"))) == 1);
    CHECK(decode(with("")) == fault);
    CHECK(decode(with(str(1, ""))) == fault);
    CHECK(decode(with(num(1, 5))) == fault);
  }
  CHECK(decode(framed(num(1, 1) + str(connect, str(3, "")))) == fault);
  CHECK(decode(framed(num(1, 1) + str(connect, str(3, str(1, "") + str(2, ""))))) == fault);
}

TEST_CASE("protobuf: fields of another wire type than theirs are passed over, numbers out of range are faults") {
  const auto odd = num(2, 1) + str(3, "x") + num(6, 1) + str(7, "7") + "\x79\0\0\0\0\0\0\0\0"s + str(1, "c");
  one<subscribe_command>(num(1, 1) + str(subscribe, odd), [](const command&, const subscribe_command& out) {
    CHECK(out.channel == "c");
    CHECK(out.token.empty());
    CHECK_FALSE(out.recover);
    CHECK(out.since.offset == 0);
  });
  CHECK(decode(framed(num(1, 1) + str(history, str(1, "c") + num(7, 1ULL << 31)))) == fault);
  one<subscribe_command>(num(1, 1) + str(subscribe, str(1, "c") + "\x18\x80\x01"s), // true in two bytes
                         [](const command&, const subscribe_command& out) { CHECK(out.recover); });
  one<subscribe_command>(num(1, 1) + str(subscribe, str(1, "c") + "\x18\x80\0"s), // false in two
                         [](const command&, const subscribe_command& out) { CHECK_FALSE(out.recover); });
}

TEST_CASE("protobuf: of a field given twice the last counts") {
  one<publish_command>(num(1, 1) + str(publish, str(1, "a") + str(2, "\xff") + str(1, "b") + str(2, "[2]")) +
                           num(1, 9),
                       [](const command& c, const publish_command& out) {
                         CHECK(c.id == 9);
                         CHECK(out.channel == "b");
                         CHECK(out.data == "[2]");
                         CHECK_FALSE(out.binary);
                       });
}

TEST_CASE("protobuf: every cut of a message is a fault and nothing worse") {
  const auto sub = num(3, 1) + str(6, "e") + num(7, 300);
  const std::vector<std::string> messages{
      framed(num(1, 300) + str(connect, str(1, "a\xE2\x98\x83") + str(2, "\xff\xff") +
                                            str(3, str(1, "x") + str(2, sub)) + str(4, "n") + str(9, "later"))),
      framed(num(1, 2) + str(subscribe, str(1, "c") + sub + str(12, "fossil") + num(14, 2))),
      framed(num(1, 3) + str(history, str(1, "c") + num(7, ~std::uint64_t{0}) + str(8, num(1, 9) + str(2, "e")))),
      framed(num(1, 4) + str(publish, str(1, "c") + str(2, "{}"))),
  };
  for (const auto& message : messages) {
    CHECK(decode(message) == 1);
    for (std::size_t length = 0; length < message.size(); ++length)
      CHECK(decode(message.substr(0, length)) == fault);
    // Cut at every place inside its own length too.
    const auto inside = message.substr(message.size() < 130 ? 1 : 2);
    for (std::size_t length = 1; length < inside.size(); ++length) {
      const auto got = decode(framed(inside.substr(0, length)));
      CHECK((got == 1 || got == fault));
    }
  }
}

TEST_CASE("protobuf: random changes of a message end in commands or a fault") {
  const auto sub = num(3, 1) + str(6, "e") + num(7, 300);
  const auto good = framed(num(1, 300) + str(connect, str(1, "tok") + str(3, str(1, "x") + str(2, sub)))) +
                    framed(num(1, 2) + str(history, str(1, "c") + str(8, num(1, 9) + str(2, "e")))) +
                    framed(num(1, 3) + str(publish, str(1, "c") + str(2, "{\"a\":1}")));
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    auto message = good;
    for (auto changes = random() % 4 + 1; changes > 0; --changes)
      message[random() % message.size()] = static_cast<char>(random());
    std::string raw;
    decode(message, [&](const command& c) {
      raw += c.raw;
      if (const auto* p = std::get_if<publish_command>(&c.body))
        CHECK(std::string(c.raw).find(std::string(p->data)) != std::string::npos);
    });
    CHECK(message.starts_with(raw));
  }
}
