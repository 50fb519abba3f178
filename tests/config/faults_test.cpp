#include "tests/config/fixture.hpp"

#include <doctest/doctest.h>

using namespace plexus::config;
using namespace plexus::config::testing;

namespace {

const std::string spans = R"(expected a duration such as "500ms", "25s", "5m", "24h")";

/// The one fault of `--set assignment`, without its source.
std::string refused(const std::string& assignment) {
  const auto all = faults_of("", {}, {assignment});
  if (all.size() != 1) return std::to_string(all.size()) + " faults";
  return all[0].substr(std::string{"--set: "}.size());
}

bool accepted(const std::string& assignment) {
  return faults_of("", {}, {assignment}).empty();
}

} // namespace

TEST_CASE("a bad value is told with file, key, found and expected") {
  CHECK(faults_of(R"({"client":{"ping_interval":"25 parsecs"}})") ==
        lines{R"(plexus.json: client.ping_interval: found "25 parsecs", )" + spans});
  CHECK(faults_of("", {"PLEXUS_CLIENT__PING_INTERVAL=25"}) ==
        lines{R"(environment PLEXUS_CLIENT__PING_INTERVAL: client.ping_interval: found "25", )" + spans});
  CHECK(faults_of("", {}, {"demo=maybe"}) == lines{R"(--set: demo: found "maybe", expected true or false)"});
}

TEST_CASE("what is listened on is the address of an interface, an IPv6 one with its zone") {
  CHECK(refused("listen.address=localhost") ==
        R"(listen.address: found "localhost", expected an IP address such as "0.0.0.0" or "::1")");
  CHECK(refused("listen.address=").find("found \"\"") != std::string::npos);
  CHECK(refused("internal.address=10.0.0").ends_with(R"(or "::1", or "")"));
  for (const auto* good :
       {"listen.address=0.0.0.0", "listen.address=fe80::1%eth0", "internal.address=", "internal.address=::"})
    CHECK(accepted(good));
}

TEST_CASE("all faults are collected, of all sources") {
  const auto got = faults_of(R"({"client":{"ping_interval":5},"listen":{"port":70000},"nonsense":{}})",
                             {"PLEXUS_LOG__LEVEL=loud"}, {"demo=1", "api.max_body=-1"});
  CHECK(got.size() == 6);
  CHECK(got[0] == "plexus.json: client.ping_interval: found 5, " + spans);
  CHECK(got[1] == "plexus.json: listen.port: found 70000, expected a whole number from 0 to 65535");
  CHECK(got[2].starts_with("plexus.json: nonsense: found an unknown key, expected one of node, listen, "));
  CHECK(got[3] == R"(environment PLEXUS_LOG__LEVEL: log.level: found "loud", expected "trace", "debug", "info", )"
                  R"("warn" or "error")");
  CHECK(got[4] == "--set: demo: found 1, expected true or false");
  CHECK(got[5] == "--set: api.max_body: found -1, expected a whole number, 0 or more");
}

TEST_CASE("a bad value is a fault even where a later source replaces it") {
  CHECK(faults_of(R"({"demo":"yes"})", {}, {"demo=true"}).size() == 1);
}

TEST_CASE("broken JSON is told by line and column") {
  CHECK(faults_of("{\n  \"demo\": true,\n  \"log\": }\n") ==
        lines{"plexus.json: line 3, column 10: found unexpected '}', expected '[', '{', or a literal"});
  CHECK(faults_of("{\"demo\" true}")[0].starts_with(
      "plexus.json: line 1, column 12: found unexpected true literal, "));
  CHECK(faults_of("{\"demo\":true")[0].find("unexpected end of input") != std::string::npos);
  CHECK(faults_of(" ").size() == 1);
  CHECK(faults_of("[]") == lines{"plexus.json: found a list, expected an object"});
  CHECK(faults_of(R"({"client":{"rate":{"burst":1e999}}})") ==
        lines{"plexus.json: found a number that is too large, expected numbers that a double can hold"});
}

TEST_CASE("broken JSON doesn't show the secret that it broke in") {
  for (const auto* text :
       {"{\"api\":{\"key\":\"hunter2\n\"}}", "{\"api\":{\"key\":\"hunter2", "{\"api\":{\"key\":hunter2}}",
        "{\"api\":{\"key\":\"hunter2\" \"x\"}}", "{\"api\":{\"key\":\"hunter2\\q\"}}"}) {
    const auto got = faults_of(text);
    REQUIRE(got.size() == 1);
    CHECK(got[0].starts_with("plexus.json: line "));
    CHECK(got[0].find("hunter") == std::string::npos);
  }
}

TEST_CASE("a key that stands twice is a fault, because one of the two would be lost") {
  CHECK(faults_of(R"({"client":{"insecure":true},"demo":true,"client":{"anonymous":true}})") ==
        lines{"plexus.json: client: found the same key twice, expected it once"});
  CHECK(faults_of(R"({"log":{"level":"info","level":"warn"}})") ==
        lines{"plexus.json: log.level: found the same key twice, expected it once"});
  CHECK(faults_of(R"({"listen":{"address":"::1"},"internal":{"address":""}})").empty());
}

TEST_CASE("unknown keys are faults at every level, with what was probably meant") {
  CHECK(faults_of(R"({"cliant":{}})") ==
        lines{R"(plexus.json: cliant: found an unknown key, expected a known key: did you mean "client"?)"});
  CHECK(faults_of(R"({"client":{"token":{"hmac_secrets":"x"}}})") ==
        lines{"plexus.json: client.token.hmac_secrets: found an unknown key, expected a known key: did you mean "
              "\"client.token.hmac_secret\"?"});
  CHECK(refused("log.colour=1") == "log.colour: found an unknown key, expected one of level, format, output");
  CHECK(refused("cliant.insecure=true") ==
        R"(cliant.insecure: found an unknown key, expected a known key: did you mean "client"?)");
  CHECK(
      refused("channels.defaults.presence=true") ==
      R"(channels.defaults.presence: found an unknown key, expected a known key: did you mean "channels.default"?)");
  CHECK(refused("channels.default.presense=true") ==
        "channels.default.presense: found an unknown key, expected a known key: did you mean "
        "\"channels.default.presence\"?");
  CHECK(refused("channels.namespaces.chat.histroy_size=1") ==
        "channels.namespaces.chat.histroy_size: found an unknown key, expected a known key: did you mean "
        "\"channels.namespaces.chat.history_size\"?");
  CHECK(refused("api.keys_file=/x") ==
        R"(api.keys_file: found an unknown key, expected a known key: did you mean "api.key"?)");
  CHECK(refused("api.key.more=1").starts_with("api.key.more: found an unknown key"));
  CHECK(
      faults_of("", {"PLEXUS__DEMO=true"}) ==
      lines{
          R"(environment PLEXUS__DEMO: _demo: found an unknown key, expected a known key: did you mean "demo"?)"});
}

TEST_CASE("only string keys have a file variant") {
  CHECK(refused("demo_file=/x").starts_with("demo_file: found an unknown key"));
  CHECK(refused("listen.port_file=/x").starts_with("listen.port_file: found an unknown key"));
  CHECK(refused("client.allowed_origins_file=/x").starts_with("client.allowed_origins_file: found an unknown key"));
}

TEST_CASE("a file that can't be read is a fault, and so is a key that is also given by its file") {
  CHECK(
      faults_of("", {"PLEXUS_API__KEY_FILE=/absent"}) ==
      lines{
          R"(environment PLEXUS_API__KEY_FILE: api.key_file: found "/absent", expected a file that can be read)"});
  CHECK(faults_of(R"({"api":{"key_file":5}})") ==
        lines{"plexus.json: api.key_file: found a number, expected the path of a file"});
  CHECK(faults_of(R"({"api":{"key":"hunter2","key_file":"/k"}})", {}, {}, {{"/k", "x"}}) ==
        lines{R"(plexus.json: api.key: found it beside "api.key_file", expected one of them)"});
  CHECK(faults_of("", {}, {"api.key_file=/k", "api.key=x"}, {{"/k", "x"}}).size() == 1);
}

TEST_CASE("secrets are never shown, whatever is wrong with them") {
  const files disk{{"/k", "hunter2"}};
  const std::vector<lines> all{
      faults_of(R"({"api":{"key":["hunter2"]},"admin":{"secret":{"hunter2":1}},"client":{"token":
                  {"hmac_secret":["hunter2",""],"public_key":["hunter2",5],"jwks_url":["hunter2"]}},
                  "backplane":{"url":"http://u:hunter2@h","password":["hunter2"],"tls":{"key":["hunter2"]}},
                  "listen":{"tls":{"key":["hunter2"]}}})"),
      faults_of(R"({"api":"hunter2","admin":["hunter2"],"backplane":"hunter2"})"),
      faults_of("", {"PLEXUS_BACKPLANE__URL=hunter2:6379"},
                {"api=hunter2", "api.key:hunter2", "backplane.url=redis://"}),
      faults_of(R"({"log":{"level_file":"/k"}})", {}, {}, disk),
  };
  CHECK(all[0].size() == 9);
  CHECK(all[1].size() == 3);
  CHECK(all[2].size() == 4);
  CHECK(all[3].size() == 1);
  for (const auto& some : all)
    for (const auto& line : some) {
      CAPTURE(line);
      CHECK(line.find("hunter2") == std::string::npos);
    }
  CHECK(all[0][1] == "plexus.json: api.key: found a list, expected a string");
}

TEST_CASE("durations") {
  CHECK(accepted("client.ping_interval=0s"));
  CHECK(accepted("channels.default.presence_grace=1500ms"));
  CHECK(accepted("node.drain_timeout=87600h"));
  CHECK(load_all("", {}, {"api.max_body=5", "client.pong_timeout=24h"}).values.client.pong_timeout ==
        std::chrono::hours{24});
  CHECK(load_all("", {}, {"client.pong_timeout=5m"}).values.client.pong_timeout == std::chrono::minutes{5});
  for (const auto* bad : {"", "5", "s", "-5s", "-0s", "+5s", "5 s", " 5s", "5s ", "5S", "1.5s", "1m30s", "87601h",
                          "99999999999999999999s", "9223372036854775807h"}) {
    CAPTURE(bad);
    CHECK(refused(std::string{"client.ping_interval="} + bad) ==
          "client.ping_interval: found \"" + std::string{bad} + "\", " + spans);
  }
  CHECK(refused("backplane.lease=0s") == "backplane.lease: found \"0s\", " + spans + ", at least \"1ms\"");
}

TEST_CASE("numbers") {
  CHECK(accepted("listen.port=0"));
  CHECK(accepted("listen.port=65535"));
  CHECK(accepted("client.max_message_size=1"));
  CHECK(accepted("client.max_queue_size=0"));
  CHECK(accepted("client.rate.burst=0.5"));
  CHECK(refused("listen.port=65536") == "listen.port: found 65536, expected a whole number from 0 to 65535");
  CHECK(refused("internal.port=-1") == "internal.port: found -1, expected a whole number from 0 to 65535");
  CHECK(refused("client.max_message_size=0") ==
        "client.max_message_size: found 0, expected a whole number, 1 or more");
  CHECK(refused("node.max_connections=1.5") ==
        "node.max_connections: found 1.5, expected a whole number, 0 or more");
  CHECK(refused("node.max_connections=many") ==
        "node.max_connections: found \"many\", expected a whole number, 0 or more");
  CHECK(refused("node.max_connections=99999999999999999999").ends_with("expected a whole number, 0 or more"));
  CHECK(refused("node.loops=1025") == "node.loops: found 1025, expected a whole number from 0 to 1024");
  CHECK(refused("client.rate.burst=-0.5") == "client.rate.burst: found -0.5, expected a number, 0 or more");
  CHECK(faults_of(R"({"listen":{"port":"8000"}})") ==
        lines{R"(plexus.json: listen.port: found "8000", expected a whole number from 0 to 65535)"});
}

TEST_CASE("names, lists and strings of the wrong form") {
  CHECK(refused("log.format=xml") == R"(log.format: found "xml", expected "text" or "json")");
  CHECK(refused("channels.default.subscribe=subscriber") ==
        R"(channels.default.subscribe: found "subscriber", expected "nobody", "token", "user" or "anyone")");
  CHECK(accepted("channels.default.publish=subscriber"));
  CHECK(
      refused("channels.default.publish=all").ends_with(R"("nobody", "token", "subscriber", "user" or "anyone")"));
  CHECK(refused("channels.default.recover=never") ==
        R"(channels.default.recover: found "never", expected true, "asked" or false)");
  CHECK(refused("client.allowed_origins=*") ==
        R"(client.allowed_origins: found "*", expected a list of strings such as ["a", "b"])");
  CHECK(refused("client.allowed_origins=[1]") ==
        R"(client.allowed_origins: found [1], expected a list of strings such as ["a", "b"])");
  CHECK(refused("client.token=5") == "client.token: found a number, expected an object");
  CHECK(refused("channels.namespaces=x") == "channels.namespaces: found a string, expected an object");
  CHECK(faults_of(R"({"node":{"name":null}})") == lines{"plexus.json: node.name: found null, expected a string"});
}

TEST_CASE("long values are cut, at the end of a character") {
  std::string wide = "x";
  for (int i = 0; i < 100; ++i) wide += "\xc3\xa9";
  const auto line = refused("log.level=" + wide);
  std::string expected = "log.level: found \"x";
  for (int i = 0; i < 29; ++i) expected += "\xc3\xa9";
  CHECK(line.starts_with(expected + "..., expected "));
}

TEST_CASE("a line of a fault is one line") {
  const auto got = faults_of("{\"a\\nb\":1,\"log\":{\"level\":\"x\\ny\"}}");
  REQUIRE(got.size() == 2);
  CHECK(got[0].starts_with("plexus.json: a?b: found an unknown key"));
  CHECK(got[1].starts_with(R"(plexus.json: log.level: found "x\ny", )"));
}

TEST_CASE("an assignment without an equals sign") {
  CHECK(faults_of("", {}, {"demo"}) == lines{"--set: demo: found no \"=\", expected path.to.key=value"});
  CHECK(faults_of("", {}, {"=5"}).size() == 1);
  CHECK(faults_of("", {}, {""}).size() == 1);
}

TEST_CASE("the backplane's address has one of the known schemes") {
  for (const auto* url : {"memory:", "redis://h:6379/0", "rediss://h:6379/0", "redis+sentinel://h:1,h:2/s/0",
                          "rediss+sentinel://h:1/s/0", "redis+cluster://h:1", "rediss+cluster://h:1,h:2"})
    CHECK(accepted(std::string{"backplane.url="} + url));
  for (const auto* url : {"", "memory", "memory:x", "redis:", "redis://", "http://h", "nats://h:1", "REDIS://h"})
    CHECK(refused(std::string{"backplane.url="} + url) ==
          R"(backplane.url: found a string, expected "memory:", or an address that begins with "redis://", )"
          R"("redis+sentinel://" or "redis+cluster://" ("rediss..." for TLS))");
}

TEST_CASE("a certificate and its key are both given or neither") {
  CHECK(refused("listen.tls.certificate=c") ==
        R"(listen.tls.certificate: found "certificate" without "key", expected both or neither)");
  CHECK(refused("backplane.tls.key=hunter2") ==
        R"(backplane.tls.key: found "key" without "certificate", expected both or neither)");
  CHECK(faults_of("", {}, {"listen.tls.certificate=c", "listen.tls.key=k"}).empty());
}

TEST_CASE("a PROXY header is asked only of proxies that are named") {
  CHECK(refused("listen.proxy_protocol=true") ==
        "listen.proxy_protocol: found true, but nobody in listen.trusted_proxies, "
        "expected the proxies that send the header there, or false");
  CHECK(faults_of("", {}, {"listen.proxy_protocol=true", R"(listen.trusted_proxies=["10.0.0.1"])"}).empty());
}

TEST_CASE("history has a size and a time or neither") {
  CHECK(faults_of(R"({"channels":{"default":{"history_size":10}}})") ==
        lines{R"(plexus.json: channels.default.history_size: found history_size 10 with history_ttl "0s", )"
              "expected both above zero or neither"});
  CHECK(refused("channels.default.history_ttl=90s") ==
        R"(channels.default.history_ttl: found history_size 0 with history_ttl "90s", )"
        "expected both above zero or neither");
  CHECK(faults_of("", {}, {"channels.default.history_ttl=90s", "channels.default.history_size=1"}).empty());
  // The other half may come from the default or from another source.
  CHECK(
      faults_of(
          R"({"channels":{"default":{"history_ttl":"1m","history_size":5},"namespaces":{"a":{"history_size":9}}}})")
          .empty());
  CHECK(faults_of(R"({"channels":{"namespaces":{"a":{"history_size":9}}}})",
                  {"PLEXUS_CHANNELS__NAMESPACES__A__HISTORY_TTL=1m"})
            .empty());
  CHECK(
      faults_of(
          R"({"channels":{"default":{"history_ttl":"1m","history_size":5},"namespaces":{"a":{"history_size":0}}}})") ==
      lines{R"(plexus.json: channels.namespaces.a.history_size: found history_size 0 with history_ttl "1m", )"
            "expected both above zero or neither"});
}

TEST_CASE("half a history is told once, and not beside a bad value of the other half") {
  CHECK(faults_of(R"({"channels":{"default":{"history_size":10},"namespaces":{"a":{},"b":{"presence":true}}}})")
            .size() == 1);
  CHECK(faults_of(R"({"channels":{"default":{"history_size":10,"history_ttl":"1 hour"}}})") ==
        lines{R"(plexus.json: channels.default.history_ttl: found "1 hour", )" + spans});
  CHECK(faults_of(R"({"channels":{"namespaces":{"a":{"history_size":10,"history_ttl":"1 hour"}}}})").size() == 1);
}
