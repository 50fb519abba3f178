#include "tests/transport/api/fixture.hpp"

using namespace plexus;
using namespace plexus::test;

namespace {

const std::string done = R"({"result":{}})";

std::int64_t now() {
  return connection::moment::now().unix_seconds;
}

/// A client whose token has what `claims` says.
struct other_token {
  api_node& node;
  unsigned connect(const json& claims) {
    const auto slot = static_cast<unsigned>(node.connections.size());
    auto who = runtime::spawn_on<connection::connection_actor>(node.loops.at(0), node.env,
                                                               connection::session_id{slot, 1}, node.codec);
    node.connections.push_back(who);
    send(slot, {{"id", 1}, {"connect", {{"token", token(claims)}}}});
    return slot;
  }
  void send(unsigned slot, const json& command) {
    caf::anon_send(node.connections[slot], connection::inbound{protocol::padded_text(command.dump())});
    node.turn();
  }
  /// By our own minting of a payload that it doesn't make itself.
  [[nodiscard]] std::string token(const json& claims) const {
    return signed_hs256(claims.dump(), node.settings->client.token.hmac_secrets[0]);
  }
};

} // namespace

TEST_CASE("a blocked user is closed at once and refused until unblocked") {
  api_node node;
  other_token by{node};
  const auto first = by.connect({{"sub", "mallory"}});
  const auto other = by.connect({{"sub", "ann"}});
  CHECK(node.call("block_user", R"({"user":"mallory"})") == done);
  CHECK(node.port.closed[first] == "3507 permission denied");
  CHECK(node.port.closed.count(other) == 0);
  const auto again = by.connect({{"sub", "mallory"}});
  CHECK(node.port.closed[again] == "3507 permission denied");
  CHECK(node.port.sent[again].empty());
  CHECK(node.call("unblock_user", R"({"user":"mallory"})") == done);
  CHECK(node.call("unblock_user", R"({"user":"never blocked"})") == done);
  CHECK(node.port.closed.count(by.connect({{"sub", "mallory"}})) == 0);
}

TEST_CASE("a block ends by itself") {
  api_node node;
  other_token by{node};
  CHECK(node.call("block_user", json{{"user", "m"}, {"expire_at", now() + 1}}.dump()) == done);
  CHECK(node.port.closed.count(by.connect({{"sub", "m"}})) == 1);
  connection::denials& denied = node.env.denied;
  CHECK(denied.judge({"m", ""}, now()) == connection::denial::blocked);
  CHECK(denied.judge({"m", ""}, now() + 2) == connection::denial::none);
  CHECK(denied.size() == 1);
  denied.expire(std::chrono::seconds(now() + 2));
  CHECK(denied.size() == 0);
}

TEST_CASE("a revoked token is refused, and who holds it is closed; the user's others aren't") {
  api_node node;
  other_token by{node};
  const auto revoked = by.connect({{"sub", "ann"}, {"jti", "t1"}});
  const auto other = by.connect({{"sub", "ann"}, {"jti", "t2"}});
  const auto without = by.connect({{"sub", "ann"}});
  CHECK(node.call("revoke_token", json{{"uid", "t1"}, {"expire_at", now() + 100}}.dump()) == done);
  CHECK(node.port.closed[revoked] == "3500 invalid token");
  CHECK(node.port.closed.count(other) == 0);
  CHECK(node.port.closed.count(without) == 0);
  CHECK(node.port.closed[by.connect({{"sub", "ann"}, {"jti", "t1"}})] == "3500 invalid token");
  CHECK(node.port.closed.count(by.connect({{"sub", "ann"}, {"jti", "t3"}})) == 0);
}

TEST_CASE("older tokens of a user don't hold any more, and new ones do in the same second") {
  api_node node;
  other_token by{node};
  const auto old = by.connect({{"sub", "ann"}, {"iat", now() - 100}});
  const auto young = by.connect({{"sub", "ann"}, {"iat", now()}});
  const auto undated = by.connect({{"sub", "ann"}});
  const auto bob = by.connect({{"sub", "bob"}, {"iat", now() - 100}});
  CHECK(node.call("invalidate_user_tokens", R"({"user":"ann"})") == done);
  for (const auto slot : {old, young, undated}) CHECK(node.port.closed[slot] == "3500 invalid token");
  CHECK(node.port.closed.count(bob) == 0);
  CHECK(node.port.closed.count(by.connect({{"sub", "ann"}, {"iat", now() - 100}})) == 1);
  CHECK(node.port.closed.count(by.connect({{"sub", "ann"}})) == 1);
  const auto fresh = by.connect({{"sub", "ann"}, {"iat", now()}});
  CHECK(node.port.closed.count(fresh) == 0);
  // Saying the same once more, or something else of the user, takes nobody else.
  node.call("invalidate_user_tokens", json{{"user", "ann"}, {"issued_before", now() - 50}}.dump());
  node.call("unblock_user", R"({"user":"ann"})");
  CHECK(node.port.closed.count(fresh) == 0);
}

TEST_CASE("a moment of one's own is compared in whole seconds") {
  api_node node;
  other_token by{node};
  const auto at = now() - 1000;
  const auto before = by.connect({{"sub", "ann"}, {"iat", at - 1}});
  const auto exactly = by.connect({{"sub", "ann"}, {"iat", at}});
  CHECK(node.call("invalidate_user_tokens", json{{"user", "ann"}, {"issued_before", at}}.dump()) == done);
  CHECK(node.port.closed.count(before) == 1);
  CHECK(node.port.closed.count(exactly) == 0);
  CHECK(node.port.closed.count(by.connect({{"sub", "ann"}, {"iat", at}})) == 0);
  CHECK(node.port.closed.count(by.connect({{"sub", "ann"}, {"iat", at - 1}})) == 1);
}

TEST_CASE("refresh, subscribe and sub_refresh look too, and what lives by a revoked token ends") {
  api_node node;
  other_token by{node};
  const auto who = by.connect({{"sub", "ann"}, {"jti", "a"}});
  const auto sub = [&](const std::string& id) {
    return by.token({{"sub", "ann"}, {"channel", "news"}, {"jti", id}});
  };
  by.send(who, {{"id", 2}, {"subscribe", {{"channel", "news"}, {"token", sub("s1")}}}});
  CHECK(json::parse(node.port.sent[who].back()).contains("subscribe"));
  node.call("revoke_token", R"({"uid":"s1"})");
  CHECK(json::parse(node.port.sent[who].back())["push"]["unsubscribe"]["code"] == 2000);
  by.send(who, {{"id", 3}, {"subscribe", {{"channel", "news"}, {"token", sub("s1")}}}});
  CHECK(json::parse(node.port.sent[who].back())["error"]["code"] == 103);
  by.send(who, {{"id", 4}, {"subscribe", {{"channel", "news"}, {"token", sub("s2")}}}});
  by.send(who, {{"id", 5}, {"sub_refresh", {{"channel", "news"}, {"token", sub("s1")}}}});
  CHECK(json::parse(node.port.sent[who].back())["error"]["code"] == 103);
  by.send(who, {{"id", 6}, {"sub_refresh", {{"channel", "news"}, {"token", sub("s3")}}}});
  CHECK(json::parse(node.port.sent[who].back()).contains("sub_refresh"));
  // The token of the subscription is now s3: s2 has nobody any more.
  const auto said = node.port.sent[who].size();
  node.call("revoke_token", R"({"uid":"s2"})");
  CHECK(node.port.sent[who].size() == said);

  by.send(who, {{"id", 7}, {"refresh", {{"token", by.token({{"sub", "ann"}, {"jti", "b"}})}}}});
  node.call("revoke_token", R"({"uid":"a"})");
  CHECK(node.port.closed.count(who) == 0);
  by.send(who, {{"id", 8}, {"refresh", {{"token", by.token({{"sub", "ann"}, {"jti", "a"}})}}}});
  CHECK(node.port.closed[who] == "3500 invalid token");
}

TEST_CASE("one token for many uses is let go one by one") {
  api_node node;
  other_token by{node};
  const auto who = by.connect({{"sub", "ann"}, {"jti", "same"}});
  for (int i = 0; i < 3; ++i) {
    const auto channel = "c" + std::to_string(i);
    by.send(who, {{"id", 2 + i},
                  {"subscribe",
                   {{"channel", channel},
                    {"token", by.token({{"sub", "ann"}, {"channel", channel}, {"jti", "same"}})}}}});
  }
  by.send(who, {{"id", 9}, {"unsubscribe", {{"channel", "c1"}}}});
  by.send(who, {{"id", 10}, {"unsubscribe", {{"channel", "c0"}}}});
  by.send(who, {{"id", 11}, {"refresh", {{"token", by.token({{"sub", "ann"}})}}}});
  node.call("revoke_token", R"({"uid":"same"})");
  CHECK(node.port.closed.count(who) == 0);
  CHECK(json::parse(node.port.sent[who].back())["push"]["channel"] == "c2");
}

TEST_CASE("the whole set, told anew after a doubt, replaces what was known") {
  api_node node;
  other_token by{node};
  const auto came = now(); // the second may turn while they connect
  const auto mallory = by.connect({{"sub", "mallory"}});
  const auto ann = by.connect({{"sub", "ann"}, {"jti", "t"}, {"iat", now()}});
  const auto bob = by.connect({{"sub", "bob"}, {"iat", came}});
  node.call("block_user", R"({"user":"unblocked meanwhile"})");
  const auto until = std::chrono::seconds(now() + 100);
  using connection::denial_key;
  using connection::denial_kind;
  node.listener.notices_are({{denial_key(denial_kind::block, "mallory"), 0, until},
                             {denial_key(denial_kind::revoke, "t"), 0, until},
                             {denial_key(denial_kind::invalidate, "bob"), came * 1000 + 999, until}});
  node.turn();
  CHECK(node.port.closed[mallory] == "3507 permission denied");
  CHECK(node.port.closed[ann] == "3500 invalid token");
  CHECK(node.port.closed.count(bob) == 0); // it may have connected after that call
  CHECK(node.env.denied.size() == 3);
  CHECK(node.port.closed.count(by.connect({{"sub", "unblocked meanwhile"}})) == 0);
  node.listener.notices_are({});
  CHECK(node.env.denied.size() == 0);
  CHECK(node.port.closed.count(by.connect({{"sub", "mallory"}})) == 0);
}

TEST_CASE("names of any length and content") {
  api_node node;
  other_token by{node};
  for (const auto& name :
       {std::string(3000, 'x'), std::string("ü\n\"'"), std::string(64, 'y'), std::string(65, 'y')}) {
    const auto user = by.connect({{"sub", name}});
    const auto other = by.connect({{"sub", name + "x"}});
    CHECK(node.call("block_user", json{{"user", name}}.dump()) == done);
    CHECK(node.port.closed.count(user) == 1);
    CHECK(node.port.closed.count(other) == 0);
    CHECK(node.port.closed.count(by.connect({{"sub", name}})) == 1);
    // A user's name isn't a token's.
    CHECK(node.port.closed.count(by.connect({{"sub", "somebody"}, {"jti", name}})) == 0);
  }
}

TEST_CASE("what is missing or lies in the past is told") {
  api_node node;
  for (const auto* method : {"block_user", "unblock_user", "invalidate_user_tokens"}) {
    CHECK(node.error(method, "{}") == 107);
    CHECK(node.error(method, R"({"user":""})") == 107);
  }
  CHECK(node.error("revoke_token", "{}") == 107);
  CHECK(node.error("revoke_token", R"({"uid":"x","expire_at":1})") == 110);
  CHECK(node.error("block_user", R"({"user":"x","expire_at":-1})") == 110);
  CHECK(node.error("invalidate_user_tokens", R"({"user":"x","issued_before":-1})") == 107);
  CHECK(node.error("block_user", R"({"user":"x","expire_at":9223372036854775807})") == 0);
  CHECK(node.error("invalidate_user_tokens", R"({"user":"x","issued_before":9223372036854775807})") == 0);
  CHECK(node.error("block_user", R"({"user":"x","expire_at":null})") == 0);
  CHECK(node.ask(node.request("/api/block_user", R"({"user":5})")).status == 400);
}
