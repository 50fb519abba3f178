#include "tests/config/fixture.hpp"

#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

using namespace plexus::config;
using namespace plexus::config::testing;
using std::chrono::milliseconds;

TEST_CASE("without any source the defaults hold") {
  const auto got = load_all("");
  CHECK(got.ok());
  CHECK(got.values == settings{});
  CHECK(got.notices.empty());
  CHECK(got.where.empty());
}

TEST_CASE("the documented configuration, written out, is the defaults and one namespace") {
  const auto got = load_all(R"({
    "node":      { "name": "", "loops": 0, "drain_timeout": "8s", "max_connections": 0, "max_queue_memory": 0 },
    "listen":    { "address": "127.0.0.1", "port": 8000, "tls": { "certificate": "", "key": "" },
                   "trusted_proxies": [], "proxy_protocol": false, "connects_per_second_per_address": 0 },
    "internal":  { "address": "", "port": 0 },
    "backplane": { "url": "memory:", "partitions": 0, "connect_timeout": "10s", "lease": "10s", "hold": "4s",
                   "idempotency_ttl": "5m", "max_pending": 100000, "password_file": "",
                   "tls": { "ca": "", "certificate": "", "key": "", "server_name": "" } },
    "client": {
      "insecure": false, "anonymous": false, "allowed_origins": [],
      "token": { "hmac_secret": "", "public_key": "", "jwks_url": "", "audience": "", "issuer": "" },
      "connect_timeout": "15s", "ping_interval": "25s", "pong_timeout": "8s", "expired_close_delay": "25s",
      "max_message_size": 65536, "max_queue_size": 1048576, "max_channels": 128, "max_channel_length": 255,
      "max_recovered": 10000, "max_history_page": 1000, "max_connections_per_user": 0, "compression": false,
      "rate": { "commands_per_second": 0, "bytes_per_second": 0, "burst": 0 }
    },
    "api":   { "key": "", "max_body": 1048576 },
    "admin": { "secret": "" },
    "demo":  false,
    "log":   { "level": "info", "format": "text" },
    "plugins": [],
    "channels": {
      "default": {
        "subscribe": "token", "publish": "nobody",
        "read_presence": "subscriber", "read_history": "subscriber",
        "presence": false, "presence_grace": "0s", "max_state_size": 4096, "join_leave": false,
        "history_size": 0, "history_ttl": "0s", "recover": true, "delta": false,
        "durability": "fast", "on_slow": "disconnect", "max_subscribers": 0, "publications_per_second": 0,
        "actor": ""
      },
      "namespaces": { "chat": { "presence": true } }
    }
  })");
  CHECK(faults(got) == lines{});
  settings expected;
  expected.namespaces["chat"].presence = true;
  CHECK(got.values == expected);
}

TEST_CASE("comments are allowed in the file") {
  const auto got = load_all("// top\n{ /* here */ \"demo\": true } // end");
  CHECK(got.ok());
  CHECK(got.values.demo);
}

TEST_CASE("the environment replaces the file and --set replaces the environment") {
  const auto got = load_all(R"({"listen":{"port":1,"address":"0.0.0.0"},"node":{"name":"file"}})",
                            {"PLEXUS_LISTEN__PORT=2", "PLEXUS_NODE__NAME=environment"}, {"listen.port=3"});
  CHECK(got.ok());
  CHECK(got.values.listen.address == "0.0.0.0");
  CHECK(got.values.node.name == "environment");
  CHECK(got.values.listen.port == 3);
  CHECK(got.where.at("listen.address") == "plexus.json");
  CHECK(got.where.at("node.name") == "environment PLEXUS_NODE__NAME");
  CHECK(got.where.at("listen.port") == "--set");
}

TEST_CASE("environment values are read as their key's type") {
  const auto got = load_all("", {
                                    "PLEXUS_CLIENT__INSECURE=true",
                                    "PLEXUS_CLIENT__PING_INTERVAL=500ms",
                                    "PLEXUS_CLIENT__MAX_CHANNELS=7",
                                    "PLEXUS_CLIENT__RATE__BURST=2.5",
                                    "PLEXUS_CLIENT__ALLOWED_ORIGINS=[\"*.example.com\",\"*\"]",
                                    "PLEXUS_CLIENT__TOKEN__ISSUER=true",
                                    "PLEXUS_NODE__NAME=123=4",
                                    "PLEXUS_LOG__LEVEL=warn",
                                    "PLEXUS_CHANNELS__DEFAULT__RECOVER=asked",
                                    "PLEXUS_CHANNELS__DEFAULT__JOIN_LEAVE=true",
                                    "PLEXUS_API__KEY=",
                                });
  CHECK(faults(got) == lines{});
  CHECK(got.values.client.insecure);
  CHECK(got.values.client.ping_interval == milliseconds{500});
  CHECK(got.values.client.max_channels == 7);
  CHECK(got.values.client.rate.burst == 2.5);
  CHECK(got.values.client.allowed_origins == lines{"*.example.com", "*"});
  CHECK(got.values.client.token.issuer == "true");
  CHECK(got.values.node.name == "123=4");
  CHECK(got.values.log.level == log_level::warn);
  CHECK(got.values.default_channel.recover == offer::asked);
  CHECK(got.values.default_channel.join_leave == offer::always);
  CHECK(got.values.api.key.empty());
}

TEST_CASE("environment names fold to lower case") {
  CHECK(load_all("", {"PLEXUS_Listen__PORT=9"}).values.listen.port == 9);
}

TEST_CASE("a secret may be one string or a list, from any source") {
  const auto secrets = [](const loaded& from) { return from.values.client.token.hmac_secrets; };
  CHECK(secrets(load_all(R"({"client":{"token":{"hmac_secret":"a"}}})")) == lines{"a"});
  CHECK(secrets(load_all(R"({"client":{"token":{"hmac_secret":["a","b"]}}})")) == lines{"a", "b"});
  CHECK(secrets(load_all("", {"PLEXUS_CLIENT__TOKEN__HMAC_SECRET=[\"a\",\"b\"]"})) == lines{"a", "b"});
  CHECK(secrets(load_all("", {"PLEXUS_CLIENT__TOKEN__HMAC_SECRET=[half"})) == lines{"[half"});
  CHECK(secrets(load_all("", {}, {"client.token.hmac_secret=123"})) == lines{"123"});
  CHECK(
      secrets(load_all(R"({"client":{"token":{"hmac_secret":"a"}}})", {}, {"client.token.hmac_secret="})).empty());
}

TEST_CASE("other PLEXUS names are ignored with one notice, settings without two underscores are three") {
  const auto got = load_all("", {"PLEXUS_PORT=tcp://10.0.0.1:8000", "PLEXUS_SERVICE_HOST=10.0.0.1", "HOME=/root",
                                 "PLEXUS_CONFIG=x.json", "PLEXUS_DEMO=true", "PLEXUS_PLUGINS=[\"a.so\"]",
                                 "PLEXUS_CLIENT=5", "PLEXUS_DEMO_FILE=x", "plexus_listen__port=5"});
  CHECK(faults(got) == lines{});
  CHECK(got.values.demo);
  CHECK(got.values.plugins == lines{"a.so"});
  CHECK(got.values.listen.port == 8000);
  CHECK(got.notices == lines{"ignored, not settings of Plexus: PLEXUS_CLIENT, PLEXUS_DEMO_FILE, PLEXUS_PORT, "
                             "PLEXUS_SERVICE_HOST"});
}

TEST_CASE("a whole section given as JSON is merged, and the narrower environment name wins") {
  const auto got =
      load_all(R"({"client":{"max_channels":5,"anonymous":true}})",
               {"PLEXUS_CLIENT__RATE__BURST=1", "PLEXUS_CLIENT__RATE={\"burst\":9,\"bytes_per_second\":2}"},
               {R"(client={"max_channels":6})"});
  CHECK(faults(got) == lines{});
  CHECK(got.values.client.anonymous);
  CHECK(got.values.client.max_channels == 6);
  CHECK(got.values.client.rate.burst == 1);
  CHECK(got.values.client.rate.bytes_per_second == 2);
}

TEST_CASE("string keys can be given as files from every source, without the last line's end") {
  const files disk{{"/k", "secret\n"},    {"/two", "secret\n\n"},       {"/crlf", "secret\r\n"},
                   {"/plain", "secret"},  {"/list", "[\"a\",\"b\"]\n"}, {"/level", "debug\n"},
                   {"/pem", "one\ntwo\n"}};
  const auto key_from = [&](const std::string& path) {
    return load_all("", {"PLEXUS_API__KEY_FILE=" + path}, {}, disk).values.api.key;
  };
  CHECK(key_from("/k") == "secret");
  CHECK(key_from("/two") == "secret\n");
  CHECK(key_from("/crlf") == "secret");
  CHECK(key_from("/plain") == "secret");

  const auto got =
      load_all(R"({"api":{"key_file":"/k"},"backplane":{"password_file":"/k"},"log":{"level_file":"/level"},
                                "client":{"token":{"hmac_secret_file":"/list"}},
                                "channels":{"namespaces":{"chat":{"actor_file":"/k"}}}})",
               {}, {"client.token.public_key_file=/pem", "admin.secret_file=/k"}, disk);
  CHECK(faults(got) == lines{});
  CHECK(got.values.api.key == "secret");
  CHECK(got.values.backplane.password == "secret");
  CHECK(got.values.log.level == log_level::debug);
  CHECK(got.values.client.token.hmac_secrets == lines{"a", "b"});
  CHECK(got.values.client.token.public_keys == lines{"one\ntwo"});
  CHECK(got.values.admin_secret == "secret");
  CHECK(got.values.namespaces.at("chat").actor == "secret");
  CHECK(got.where.at("api.key") == "plexus.json");
}

TEST_CASE("a later source wins over a file's content, an empty file name is none") {
  const files disk{{"/k", "from file"}};
  CHECK(load_all(R"({"api":{"key_file":"/k"}})", {"PLEXUS_API__KEY=direct"}, {}, disk).values.api.key == "direct");
  CHECK(load_all(R"({"api":{"key":"direct"}})", {"PLEXUS_API__KEY_FILE=/k"}, {}, disk).values.api.key ==
        "from file");
  const auto got = load_all(R"({"api":{"key":"direct","key_file":""}})");
  CHECK(got.ok());
  CHECK(got.values.api.key == "direct");
  CHECK(load_all(R"({"api":{"key":"","key_file":"/k"}})", {}, {}, disk).values.api.key == "from file");
}

TEST_CASE("parts of the backplane reach their members") {
  const auto got = load_all(R"({"backplane":{"url":"rediss+sentinel://u:p@h:1,h:2/s/0","partitions":48,
      "lease":"1m","password":"pw","tls":{"ca":"a","certificate":"b","key":"c","server_name":"d"}}})");
  CHECK(faults(got) == lines{});
  const auto& b = got.values.backplane;
  CHECK(b.url == "rediss+sentinel://u:p@h:1,h:2/s/0");
  CHECK(b.partitions == 48);
  CHECK(b.lease == milliseconds{60'000});
  CHECK(b.password == "pw");
  CHECK(b.tls_ca == "a");
  CHECK(b.tls_certificate == "b");
  CHECK(b.tls_key == "c");
  CHECK(b.tls_server_name == "d");
}

TEST_CASE("a real file is read whole, a directory and a missing file are not readable") {
  auto name = (std::filesystem::temp_directory_path() / "plexus_config_test_XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  const auto path = name + "/key";
  const std::string content(10'000, 'x');
  std::ofstream{path} << content << '\n';
  CHECK(read_file(path) == content + "\n");
  CHECK(!read_file(name));
  CHECK(!read_file(name + "/absent"));
  std::ofstream{path};
  CHECK(read_file(path) == "");
  std::filesystem::remove_all(name);
}

TEST_CASE("the demo's file is good and asks for tokens") {
  const auto root = std::filesystem::path{__FILE__}.parent_path().parent_path().parent_path();
  const auto text = read_file((root / "config/demo.json").string());
  REQUIRE(text);
  const auto got = load_all(*text, {"PLEXUS_API__KEY=k", "PLEXUS_CLIENT__TOKEN__HMAC_SECRET=s"});
  CHECK(faults(got) == lines{});
  CHECK(got.values.listen.port == 8000);
  CHECK(got.values.demo);
  CHECK(!got.values.client.insecure);
  CHECK(got.values.default_channel == channel_options{});
  CHECK(got.values.namespaces.size() == 2);

  channel_options chat;
  chat.subscribe = access::user;
  chat.publish = access::subscriber;
  chat.presence = true;
  chat.presence_grace = milliseconds{2000};
  chat.join_leave = offer::always;
  chat.history_size = 200;
  chat.history_ttl = milliseconds{3'600'000};
  CHECK(got.values.namespaces.at("chat") == chat);
  channel_options cursors;
  cursors.subscribe = access::user;
  cursors.publish = access::subscriber;
  CHECK(got.values.namespaces.at("cursors") == cursors);
}
