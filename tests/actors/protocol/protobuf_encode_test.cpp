#include "actors/protocol/broadcast.hpp"
#include "tests/actors/protocol/protobuf_bytes.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace plexus::protocol;
using namespace plexus::protocol::wire;
using namespace std::string_literals;

namespace {

const codec& protobuf = codec_for(format::protobuf);

/// `text` without the varint that it begins with.
std::string behind_varint(const std::string& text) {
  std::size_t digits = 1;
  while ((static_cast<unsigned char>(text.at(digits - 1)) & 128) != 0) ++digits;
  return text.substr(digits);
}

/// What stands in a reply with id 7, without its length; what was there before stays.
std::string bytes(const reply& what, std::uint32_t id = 7) {
  std::string out = "before";
  protobuf.encode(out, id, what);
  REQUIRE(out.starts_with("before"));
  out.erase(0, 6);
  const auto inside = behind_varint(out);
  CHECK(out == framed(inside));
  return inside;
}

/// The fields of a push.
std::string bytes(std::string_view channel, const push& what) {
  std::string out;
  protobuf.encode(out, channel, what);
  // A push is the only field of a reply without id.
  const auto inside = behind_varint(behind_varint(out).substr(1));
  CHECK(out == framed(str(4, inside)));
  return inside;
}

publication_ptr pub(std::uint64_t offset, std::string data) {
  publication out;
  out.offset = offset;
  out.epoch = "abcdefgh";
  out.data = std::move(data);
  return std::make_shared<const publication>(std::move(out));
}

const client_info alice{"alice", "c1", R"({"n":1})", "[2]"};
const std::string alice_bytes = str(1, "alice") + str(2, "c1") + str(3, R"({"n":1})") + str(4, "[2]");
const client_info nobody{"", "c2", "", ""};
const std::string id_7 = num(1, 7);

} // namespace

TEST_CASE("protobuf: the ping is a length of zero, and nothing stands between replies") {
  std::string out = "x";
  protobuf.encode_ping(out);
  CHECK(out == "x\0"s);
  protobuf.encode_separator(out);
  CHECK(out.size() == 2);
  CHECK(protobuf.which() == format::protobuf);
}

TEST_CASE("protobuf: several replies follow each other") {
  std::string out;
  protobuf.encode(out, 1, publish_reply{});
  protobuf.encode_separator(out);
  protobuf.encode(out, 2, rpc_reply{std::string(200, 'x')});
  CHECK(out == framed(num(1, 1) + str(8, "")) + framed(num(1, 2) + str(13, str(1, std::string(200, 'x')))));
}

TEST_CASE("protobuf: errors carry code and sentence, and say when they pass by themselves") {
  CHECK(bytes(error_reply{error_code::permission_denied}) ==
        id_7 + str(2, num(1, 103) + str(2, "permission denied")));
  CHECK(bytes(error_reply{error_code::internal}, std::numeric_limits<std::uint32_t>::max()) ==
        num(1, 4294967295) + str(2, num(1, 100) + str(2, "internal server error") + num(3, 1)));
}

TEST_CASE("protobuf: connect reply") {
  CHECK(bytes(connect_reply{}) == id_7 + str(5, ""));
  connect_reply full;
  full.client = "c1";
  full.version = "0.1";
  full.data = "\xff";
  full.expires = true;
  full.ttl = 60;
  full.ping = 25;
  full.pong = true;
  full.session = "s";
  full.node = "n";
  subscribe_reply recovered;
  recovered.recoverable = recovered.positioned = recovered.recovered = recovered.was_recovering = true;
  recovered.at = {"abcdefgh", 3};
  recovered.publications = {pub(4, "1"), pub(5, "\"x\"")};
  full.subs = {{"a\"b", {}}, {"c", recovered}};
  const auto sub = num(3, 1) + str(6, "abcdefgh") + str(7, str(4, "1") + num(6, 4)) +
                   str(7, str(4, "\"x\"") + num(6, 5)) + num(8, 1) + num(9, 3) + num(10, 1) + num(12, 1);
  CHECK(bytes(full) == id_7 + str(5, str(1, "c1") + str(2, "0.1") + num(3, 1) + num(4, 60) + str(5, "\xff") +
                                         str(6, str(1, "a\"b") + str(2, "")) + str(6, str(1, "c") + str(2, sub)) +
                                         num(7, 25) + num(8, 1) + str(9, "s") + str(10, "n")));
}

TEST_CASE("protobuf: subscribe reply") {
  CHECK(bytes(subscribe_reply{}) == id_7 + str(6, ""));
  subscribe_reply full;
  full.expires = true;
  full.ttl = 9;
  full.data = "[]";
  full.delta = true;
  full.was_recovering = true;
  full.at = {"e", 0};
  CHECK(bytes(full) ==
        id_7 + str(6, num(1, 1) + num(2, 9) + str(6, "e") + str(11, "[]") + num(12, 1) + num(13, 1)));
}

TEST_CASE("protobuf: replies without content are there all the same") {
  CHECK(bytes(unsubscribe_reply{}) == id_7 + str(7, ""));
  CHECK(bytes(publish_reply{}) == id_7 + str(8, ""));
  CHECK(bytes(rpc_reply{}) == id_7 + str(13, ""));
  CHECK(bytes(refresh_reply{}) == id_7 + str(14, ""));
  CHECK(bytes(sub_refresh_reply{}) == id_7 + str(15, ""));
}

TEST_CASE("protobuf: presence, its statistics and history") {
  CHECK(bytes(presence_reply{}) == id_7 + str(9, ""));
  CHECK(bytes(presence_reply{{alice, nobody}}) ==
        id_7 + str(9, str(1, str(1, "c1") + str(2, alice_bytes)) + str(1, str(1, "c2") + str(2, str(2, "c2")))));
  CHECK(bytes(presence_stats_reply{}) == id_7 + str(10, ""));
  CHECK(bytes(presence_stats_reply{12, 3}) == id_7 + str(10, num(1, 12) + num(2, 3)));
  CHECK(bytes(history_reply{{}, {"e", 0}}) == id_7 + str(11, str(2, "e")));
  CHECK(bytes(history_reply{{pub(1, "{}"), pub(2, "null")}, {"e", 2}}) ==
        id_7 + str(11, str(1, str(4, "{}") + num(6, 1) + str(14, "abcdefgh")) + str(1, str(4, "null") + num(6, 2)) +
                           str(2, "e") + num(3, 2)));
}

TEST_CASE("protobuf: rpc, refresh and sub_refresh with content") {
  CHECK(bytes(rpc_reply{"[1]"}) == id_7 + str(13, str(1, "[1]")));
  CHECK(bytes(refresh_reply{"c1", "v", true, 60}) ==
        id_7 + str(14, str(1, "c1") + str(2, "v") + num(3, 1) + num(4, 60)));
  CHECK(bytes(sub_refresh_reply{true, 60}) == id_7 + str(15, num(1, 1) + num(2, 60)));
}

TEST_CASE("protobuf: a publication has its payload untouched and its epoch with the first offset only") {
  const auto any = "\0\n\xff{ \"a\" : 1.50 }\r\n"s;
  CHECK(bytes("c", publication_push{pub(0, any)}) == str(2, "c") + str(4, str(4, any)));
  CHECK(bytes("c", publication_push{pub(1, "1")}) ==
        str(2, "c") + str(4, str(4, "1") + num(6, 1) + str(14, "abcdefgh")));
  CHECK(bytes("c", publication_push{pub(2, "1")}) == str(2, "c") + str(4, str(4, "1") + num(6, 2)));
  CHECK(bytes("c", publication_push{pub(std::numeric_limits<std::uint64_t>::max(), "1")}) ==
        str(2, "c") + str(4, str(4, "1") + num(6, std::numeric_limits<std::uint64_t>::max())));
  const std::string large(70'000, 'x');
  CHECK(bytes("c", publication_push{pub(0, large)}) == str(2, "c") + str(4, str(4, large)));
}

TEST_CASE("protobuf: a client's publication says whose it is, and tags are texts") {
  publication full;
  full.offset = 2;
  full.data = "d";
  full.binary = true;
  full.info = std::make_shared<const client_info>(alice);
  full.tags = {{"k", "v"}, {"", ""}};
  CHECK(bytes("n:c", publication_push{std::make_shared<const publication>(full)}) ==
        str(2, "n:c") +
            str(4, str(4, "d") + str(5, alice_bytes) + num(6, 2) + str(7, str(1, "k") + str(2, "v")) + str(7, "")));
  full.info = std::make_shared<const client_info>(); // an anonymous client's, whose fields are all empty
  full.tags.clear();
  CHECK(bytes("c", publication_push{std::make_shared<const publication>(full)}) ==
        str(2, "c") + str(4, str(4, "d") + str(5, "") + num(6, 2)));
}

TEST_CASE("protobuf: the other pushes") {
  CHECK(bytes("c", join_push{nobody}) == str(2, "c") + str(5, str(1, str(2, "c2"))));
  CHECK(bytes("c", leave_push{alice}) == str(2, "c") + str(6, str(1, alice_bytes)));
  CHECK(bytes("c", subscribe_push{}) == str(2, "c") + str(9, ""));
  subscribe_reply result;
  result.recoverable = result.positioned = true;
  result.at = {"e", 4};
  result.data = "{}";
  CHECK(bytes("c", subscribe_push{result}) ==
        str(2, "c") + str(9, num(1, 1) + str(4, "e") + num(5, 4) + num(6, 1) + str(7, "{}")));
  CHECK(bytes("c", unsubscribe_push{}) == str(2, "c") + str(7, num(2, 2000) + str(3, "server unsubscribe")));
  CHECK(bytes("c", unsubscribe_push{unsubscribe_code::insufficient}) ==
        str(2, "c") + str(7, num(2, 2500) + str(3, "insufficient state")));
}

TEST_CASE("protobuf: pushes that belong to no channel") {
  CHECK(bytes("", message_push{"[1]"}) == str(8, str(1, "[1]")));
  CHECK(bytes("", refresh_push{true, 60}) == str(12, num(1, 1) + num(2, 60)));
  CHECK(bytes("", refresh_push{}) == str(12, ""));
  CHECK(bytes("", disconnect_push{3501, "bad request"}) == str(11, num(1, 3501) + str(2, "bad request")));
}

TEST_CASE("a broadcast has one form for each format") {
  publication what;
  what.offset = 2;
  what.data = "\xff\n";
  what.binary = true;
  const broadcast b(std::make_shared<const std::string>("c"),
                    publication_push{std::make_shared<const publication>(what)}, broadcast::clock::time_point{});
  CHECK(b.bytes(format::protobuf) == framed(str(4, str(2, "c") + str(4, str(4, "\xff\n") + num(6, 2)))));
  CHECK(b.bytes(format::json) == R"({"push":{"channel":"c","pub":{"data":"/wo=","offset":2}}})");
  CHECK(&b.bytes(format::protobuf) == &b.bytes(format::protobuf));
}
