// What nodes tell each other on behalf of the HTTP API, and how a result that isn't the whole cluster's is written.

#include "actors/protocol/api.hpp"

#include <doctest/doctest.h>

using namespace plexus::protocol;

namespace {

template <class Request>
Request through(const Request& what) {
  auto decoded = decode_api(api_method(Request{}), padded_text(encode_api_request(what)));
  REQUIRE(std::holds_alternative<api_request>(decoded));
  return std::get<Request>(std::get<api_command>(std::get<api_request>(decoded)));
}

const api_target odd{"\"ü\n\\", "a client", "a session"};

void check_same(const api_target& a, const api_target& b) {
  CHECK(a.user == b.user);
  CHECK(a.client == b.client);
  CHECK(a.session == b.session);
}

std::string answer(const api_answer& what) {
  std::string out;
  encode_api_answer(out, what);
  return out;
}

} // namespace

TEST_CASE("requests come to another node as they came to this one") {
  const auto s = through(subscribe_request{odd, "chat:\"x", R"({"a":[1]})", "null", position{"E.\"1", 7}, 123});
  check_same(s.who, odd);
  CHECK(s.channel == "chat:\"x");
  CHECK(s.info == R"({"a":[1]})");
  CHECK(s.recover_since == position{"E.\"1", 7});
  CHECK(s.expire_at == 123);
  const auto plain = through(subscribe_request{{"ann", "", ""}, "c", "", "", std::nullopt, 0});
  CHECK(plain.info.empty());
  CHECK(plain.data.empty());
  CHECK_FALSE(plain.recover_since);
  CHECK(through(subscribe_request{{"ann", "", ""}, "c", "", "", position{}, 0}).recover_since == position{});

  const auto u = through(unsubscribe_request{odd, "c"});
  check_same(u.who, odd);
  CHECK(u.channel == "c");

  const auto d = through(disconnect_request{odd, {"one", "tw\"o"}, 4999, "a \"reason\""});
  check_same(d.who, odd);
  CHECK(d.whitelist == std::vector<std::string>{"one", "tw\"o"});
  CHECK(d.code == 4999);
  CHECK(d.reason == "a \"reason\"");
  CHECK(through(disconnect_request{}).code == 3503);

  for (const bool expired : {false, true}) {
    const auto r = through(refresh_request{odd, expired, 4'000'000'000});
    check_same(r.who, odd);
    CHECK(r.expired == expired);
    CHECK(r.expire_at == 4'000'000'000);
  }
}

TEST_CASE("a node's figures come through, and nothing else is taken for them") {
  const node_info node{"uid", "a \"name\"", "1.0", 1, 2, 3, 4, 5};
  const auto got = decode_node_info(encode_node_info(node));
  REQUIRE(got);
  CHECK(got->uid == node.uid);
  CHECK(got->name == node.name);
  CHECK(got->version == node.version);
  CHECK(got->clients == 1);
  CHECK(got->users == 2);
  CHECK(got->channels == 3);
  CHECK(got->subscriptions == 4);
  CHECK(got->uptime == 5);
  for (const char* text : {"", "[]", "{", "{} x", R"({"uid":1})"}) CHECK_FALSE(decode_node_info(text));
}

TEST_CASE("who is missing stands beside the result, in a batch too") {
  const api_partial partial{empty_result{}, {"node \"2\"", "node 3"}, false};
  CHECK(answer(partial) == R"({"result":{},"silent":["node \"2\"","node 3"]})");
  CHECK(answer(api_partial{empty_result{}, {}, true}) == R"({"result":{},"silent":[],"unsure":true})");
  CHECK(answer(api_result(empty_result{})) == R"({"result":{}})");
  std::string batch;
  encode_api_batch(batch, {{"refresh", partial}, {"info", api_result(info_result{})}, {"x", api_error{}}});
  CHECK(batch == R"({"replies":[{"refresh":{},"silent":["node \"2\"","node 3"]},{"info":{"nodes":[]}},)"
                 R"({"error":{"code":100,"message":"internal server error"}}]})");
}
