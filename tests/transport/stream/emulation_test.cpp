#include "transport/stream/emulation_handler.hpp"
#include "transport/stream/session_key.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace plexus;
using namespace plexus::transport;

namespace {

/// Keeps what is handed on and answers as it is told.
struct recorder final : session_gateway {
  emulated_to answer = emulated_to::session;
  std::vector<emulated> got;
  void forward(emulated what, answered done) override {
    got.push_back(std::move(what));
    done(answer);
  }
};

struct fixture {
  recorder to;
  std::shared_ptr<config::settings> settings = std::make_shared<config::settings>();
  emulation_handler handler{to, [this] { return settings; }};

  int ask(std::string body, std::string method = "POST", std::string type = "application/json") {
    int status = 0;
    handler.handle({std::move(method), "/emulation", {}, {{"content-type", std::move(type)}}, std::move(body)},
                   [&](const http::response& r) { status = r.status; });
    return status;
  }
};

} // namespace

TEST_CASE("a message is handed on as the client wrote it") {
  fixture f;
  CHECK(
      f.ask(
          R"({"session":"s","node":"n","data":"{\"id\":2,\"rpc\":{\"data\":\"\\u00e9\\ud83d\"}}\n{}","more":[1]})") ==
      204);
  REQUIRE(f.to.got.size() == 1);
  CHECK(f.to.got[0].session == "s");
  CHECK(f.to.got[0].node == "n");
  CHECK(f.to.got[0].message.view() == R"({"id":2,"rpc":{"data":"\u00e9\ud83d"}})"
                                      "\n{}");
}

TEST_CASE("an envelope in Protobuf") {
  fixture f;
  const std::string good("\x0a\x01n\x12\x01s\x1a\x03\x00\xff\n\x20\x05", 13);
  CHECK(f.ask(good, "POST", "application/octet-stream") == 204);
  REQUIRE(f.to.got.size() == 1);
  CHECK(f.to.got[0].session == "s");
  CHECK(f.to.got[0].node == "n");
  CHECK(f.to.got[0].message.view() == std::string_view("\x00\xff\n", 3));
  for (std::size_t cut : {1, 2, 3, 4, 5, 7, 8, 10, 12})
    CHECK(f.ask(good.substr(0, cut), "POST", "application/octet-stream") == 400);
  CHECK(f.ask("", "POST", "application/octet-stream") == 400);
}

TEST_CASE("where a message went decides the status") {
  fixture f;
  const std::string good = R"({"session":"s","node":"n","data":"{}"})";
  for (auto [where, status] : {std::pair{emulated_to::session, 204},
                               {emulated_to::unknown_node, 404},
                               {emulated_to::busy, 429},
                               {emulated_to::unreachable, 503}}) {
    f.to.answer = where;
    CHECK(f.ask(good) == status);
  }
}

TEST_CASE("what is no message is not handed on") {
  fixture f;
  f.settings->client.max_message_size = 10;
  CHECK(f.ask(R"({"session":"s","node":"n","data":"01234567890"})") == 413);
  CHECK(f.ask(R"({"session":"s","node":"n","data":"0123456789"})") == 204);
  f.to.got.clear();
  for (auto* body :
       {"", "{", "[]", "{}", R"({"session":"s","node":"n"})", R"({"session":"s","node":"n","data":{}})",
        R"({"session":"","node":"n","data":""})", R"({"session":"s","node":"n","data":"{}"} x)"})
    CHECK(f.ask(body) == 400);
  CHECK(f.ask("{}", "GET") == 405);
  CHECK(f.to.got.empty());
}

TEST_CASE("a session's name is read as it was written") {
  session_key key{draw_secret(), 3, {17, 4'294'967'295}};
  const auto text = to_text(key);
  CHECK(text.substr(32) == ".3.17.4294967295");
  const auto got = read_session_key(text);
  REQUIRE(got);
  CHECK(same_secret(got->secret, key.secret));
  CHECK(got->loop == 3);
  CHECK(got->where == key.where);
}

TEST_CASE("no other text is a session's name") {
  const std::string secret(32, 'a');
  CHECK(read_session_key(secret + ".0.0.0"));
  for (const auto& text : {std::string(), secret, secret + ".0.0", secret + ".0.0.0.0", secret + ".0.0.0 ",
                           secret + ".00.0.0", secret + ".0.-1.0", secret + ".0..0", secret + ".0.0.4294967296",
                           secret + ".+1.0.0", std::string(32, 'A') + ".0.0.0", secret.substr(1) + ".0.0.0"})
    CHECK_FALSE(read_session_key(text));
}

TEST_CASE("every session has a secret of its own") {
  std::set<session_key::secret_bytes> all;
  for (int i = 0; i < 1000; ++i) all.insert(draw_secret());
  CHECK(all.size() == 1000);
}

TEST_CASE("another node's sessions are not here") {
  local_sessions here("this");
  for (auto [node, want] : {std::pair{"this", emulated_to::session}, {"that", emulated_to::unknown_node}}) {
    int told = 0;
    here.forward({node, std::string(32, 'a') + ".0.0.0", {}}, [&, want = want](emulated_to where) {
      ++told;
      CHECK(where == want);
    });
    CHECK(told == 1);
  }
}
