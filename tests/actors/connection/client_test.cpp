// What one client is told, without sockets; in the last tests without a clock too.
#include "tests/actors/connection/bench.hpp"

using namespace plexus;
using namespace plexus::connection;
using namespace plexus::connection::testing;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, std::string_view part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

/// A client that is connected, driven by hand.
struct by_hand {
  by_hand() : b(settings()) {
    it.on_message(protocol::padded_text(R"({"id":1,"connect":{}})"), now);
    b.port.said.clear();
  }
  static config::settings settings() {
    auto all = bench::open();
    all.client.ping_interval = 25s;
    all.client.pong_timeout = 8s;
    return all;
  }
  /// The next thing that is due; what the client is told.
  std::string wait() {
    now.steady = it.next_due();
    it.on_due(now);
    return b.port.all();
  }
  bench b;
  moment now = moment::now();
  client it{b.env, session_id{}, protocol::codec_for(protocol::format::json), {}, now};
};

} // namespace

TEST_CASE("a member's state reaches the others as it was written") {
  bench b;
  b.say(R"({"id":1,"connect":{}})");
  b.say(R"({"id":2,"subscribe":{"channel":"x"}})");
  const std::string state = R"({"b":12345678901234567890123,"a":1.10,"a":2})";
  const auto update = [&](const std::string& data) {
    return b.say(R"({"id":3,"rpc":{"method":"plexus.presence.update","data":)" + data + "}}");
  };
  CHECK(has(update(R"({"channel":"x","state":)" + state + "}"), R"({"id":3,"rpc":)"));
  CHECK(b.plane.state() == state);
  CHECK(has(update(R"({"state":null,"more":[1],"channel":"x"})"), R"({"id":3,"rpc":)"));
  CHECK(b.plane.state() == "null");
  for (const auto* bad : {R"({"channel":"x"})", R"({"state":1})", R"({"channel":7,"state":1})",
                          R"({"channel":null,"state":1})", R"([1])", R"("x")"})
    CHECK(has(update(bad), R"("error":{"code":107)"));
}

TEST_CASE("with client.insecure no token runs out, in whatever command it comes") {
  auto all = bench::open();
  all.client.token.hmac_secrets = {"a secret of 32 bytes and some more"};
  const auto token = [&](const char* channel) {
    return mint_token(all.client.token, "ann", channel, 1s, "", 1000);
  };
  bench b(all);
  CHECK(has(b.say(R"({"id":1,"connect":{"token":")" + token("") + "\"}}"), R"({"id":1,"connect":{)"));
  CHECK(has(b.say(R"({"id":2,"subscribe":{"channel":"x","token":")" + token("x") + "\"}}"),
            R"({"id":2,"subscribe":{)"));
  auto got = b.say(R"({"id":3,"sub_refresh":{"channel":"x","token":")" + token("x") + "\"}}");
  CHECK(has(got, R"({"id":3,"sub_refresh":{)"));
  CHECK_FALSE(has(got, "expires"));
  got = b.say(R"({"id":4,"refresh":{"token":")" + token("") + "\"}}");
  CHECK(has(got, R"({"id":4,"refresh":{)"));
  CHECK_FALSE(has(got, "expires"));
}

TEST_CASE("a subscription's token is good for nothing else") {
  auto all = bench::open();
  all.client.insecure = false;
  all.client.token.hmac_secrets = {"a secret of 32 bytes and some more"};
  const auto token = [&](const char* channel) {
    return mint_token(all.client.token, "ann", channel, 1h, "", moment::now().unix_seconds);
  };
  bench one(all);
  CHECK(one.say(R"({"id":1,"connect":{"token":")" + token("x") + "\"}}") == "close 3500\n");
  bench other(all);
  other.say(R"({"id":1,"connect":{"token":")" + token("") + "\"}}");
  CHECK(other.say(R"({"id":2,"refresh":{"token":")" + token("x") + "\"}}") == "close 3500\n");
}

TEST_CASE("what waits behind a subscribe is bounded in bytes, over all channels") {
  bench b;
  b.say(R"({"id":1,"connect":{}})");
  b.plane.answers = false;
  for (const auto* channel : {"x", "y", "z"}) {
    const std::string name = channel;
    b.say(R"({"id":2,"subscribe":{"channel":")" + name + "\"}}");
    const auto got =
        b.say(R"({"id":3,"unsubscribe":{"channel":")" + name + R"(","more":")" + std::string(60'000, 'x') + "\"}}");
    CHECK(has(got, R"({"id":3,"error":{"code":111)") == (name == "z"));
  }
}

TEST_CASE("after a handover who is still on its way in is let in before it is told to depart") {
  bench b;
  const auto now = moment::now();
  client it{b.env, session_id{}, protocol::codec_for(protocol::format::json), {}, now};
  it.on_depart(now.steady, true);
  it.on_due(now);
  CHECK(it.next_due() > now.steady);
  CHECK(b.port.all().empty());
  SUBCASE("it connects") {
    it.on_message(protocol::padded_text(R"({"id":1,"connect":{}})"), now);
    CHECK(has(b.port.all(), R"("connect":{)"));
  }
  SUBCASE("it is the last call") {
    it.on_depart(now.steady, false);
  }
  CHECK(it.next_due() == now.steady);
  it.on_due(now);
  CHECK(b.port.all() == "close 3001\n");
}

TEST_CASE("no pong in time closes the client, also one to whom little is on its way") {
  by_hand c;
  c.b.port.seen = {1000, 0};
  CHECK(c.wait() == "{}\n");
  c.b.port.seen = {1000, 500};
  CHECK(c.wait() == "close 3012\n");
}

TEST_CASE(
    "a ping behind a large reply is not late while the client reads, and has the usual time once it is there") {
  by_hand c;
  c.b.port.seen = {10'000'000, 0};
  CHECK(c.wait() == "{}\n");
  for (std::uint64_t arrived : {1'000'000U, 2'000'000U, 10'000'000U}) {
    c.b.port.seen.arrived = arrived;
    CHECK(c.wait().empty());
  }
  SUBCASE("it answers") {
    c.it.on_message(protocol::padded_text("{}"), c.now);
    CHECK(c.wait() == "{}\n");
  }
  SUBCASE("it doesn't") {
    CHECK(c.wait() == "close 3012\n");
  }
}

TEST_CASE("a client that stops reading in the middle of a large reply is closed as any other") {
  by_hand c;
  c.b.port.seen = {10'000'000, 1'000'000};
  CHECK(c.wait() == "{}\n");
  CHECK(c.wait() == "close 3012\n");
}
