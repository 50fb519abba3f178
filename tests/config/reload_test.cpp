#include "config/reload.hpp"

#include "config/schema.hpp"
#include "tests/config/fixture.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <set>

using namespace plexus::config;
using namespace plexus::config::testing;
using std::chrono::milliseconds;

TEST_CASE("nothing changed: nothing to say") {
  const auto running = load_all(R"({"channels":{"namespaces":{"a":{"presence":true}}}})").values;
  const auto plan = plan_reload(running, running);
  CHECK(plan.merged == running);
  CHECK(plan.applied.empty());
  CHECK(plan.restart.empty());
}

TEST_CASE("live keys are taken over, the others wait for a restart and keep their old values") {
  const settings running;
  auto fresh = running;
  fresh.client.ping_interval = milliseconds{1000};
  fresh.client.token.hmac_secrets = {"new", "old"};
  fresh.client.rate.burst = 0.1;
  fresh.client.allowed_origins = {"*"};
  fresh.api.key = "k";
  fresh.log.level = log_level::debug;
  fresh.demo = true;
  fresh.admin_secret = "s";
  auto merged = fresh; // all that is live
  fresh.node.name = "other";
  fresh.listen.port = 1;
  fresh.internal.address = "::1";
  fresh.backplane.password = "p";
  fresh.plugins = {"x"};

  const auto plan = plan_reload(running, fresh);
  CHECK(plan.merged == merged);
  CHECK(plan.applied == lines{"client.allowed_origins", "client.ping_interval", "client.token.hmac_secret",
                              "client.rate.burst", "api.key", "log.level", "demo", "admin.secret"});
  CHECK(plan.restart == lines{"node.name", "listen.port", "internal.address", "backplane.password", "plugins"});
}

TEST_CASE("namespaces come, change and go") {
  settings running, fresh;
  running.namespaces["gone"];
  running.namespaces["same"];
  running.namespaces["chat"].history_size = 5;
  fresh.namespaces["same"];
  fresh.namespaces["chat"].history_size = 6;
  fresh.namespaces["chat"].recover = offer::asked;
  fresh.namespaces["new"];
  const auto plan = plan_reload(running, fresh);
  CHECK(plan.merged == fresh);
  CHECK(plan.applied == lines{"channels.namespaces.chat.history_size", "channels.namespaces.chat.recover",
                              "channels.namespaces.gone", "channels.namespaces.new"});
  CHECK(plan.restart.empty());
}

TEST_CASE("a namespace that follows a changed default isn't named beside it") {
  const auto running = load_all(R"({"channels":{"namespaces":{"a":{},"b":{"presence":true}}}})").values;
  const auto fresh = load_all(R"({"channels":{"default":{"presence":true},"namespaces":{"a":{},"b":{}}}})").values;
  const auto plan = plan_reload(running, fresh);
  CHECK(plan.merged == fresh);
  CHECK(plan.applied == lines{"channels.default.presence"});
}

TEST_CASE("every key is live or not as its section is") {
  for (const auto& k : keys()) {
    const auto section = k.path.substr(0, k.path.find('.'));
    const bool bound = k.path == "listen.address" || k.path == "listen.port"; // sockets that are open
    const bool live =
        std::set<std::string>{"client", "channels", "api", "admin", "log", "demo", "listen"}.contains(section)
            ? !bound
            : k.path == "node.max_queue_memory";
    CAPTURE(k.path);
    CHECK(k.live == live);
  }
}

TEST_CASE("every key reads back what it writes and has a path of its own") {
  settings changed;
  changed.node = {"n", 2, milliseconds{1}, 3, 4};
  changed.listen = {"::", 5, "c", "k", {"10.0.0.0/8"}, true, 6.25};
  changed.internal = {"::1", 7};
  changed.backplane = {"redis://u:p@h:1/0",
                       8,
                       milliseconds{90'000},
                       milliseconds{3'600'000},
                       milliseconds{1500},
                       milliseconds{0},
                       9,
                       "pw",
                       "ca",
                       "c",
                       "k",
                       "n"};
  changed.client.insecure = changed.client.anonymous = changed.client.compression = true;
  changed.client.allowed_origins = {"*", "x"};
  changed.client.token = {{"a", "b"}, {"k"}, "https://j", "aud", "iss"};
  changed.client.connect_timeout = changed.client.ping_interval = milliseconds{1};
  changed.client.pong_timeout = changed.client.expired_close_delay = milliseconds{2};
  changed.client.max_message_size = changed.client.max_queue_size = changed.client.max_reply_size =
      changed.client.max_channels = 10;
  changed.client.max_channel_length = changed.client.max_recovered = changed.client.max_history_page = 11;
  changed.client.max_connections_per_user = 12;
  changed.client.rate = {0.1, 1e300, 3};
  changed.api = {"k", 13};
  changed.admin_secret = "s";
  changed.demo = true;
  changed.log = {log_level::trace, log_format::json, log_output::standard_output};
  changed.plugins = {"a", "b"};
  auto& d = changed.default_channel;
  d.subscribe = access::anyone;
  d.publish = d.read_presence = access::user;
  d.read_history = access::nobody;
  d.presence = d.delta = true;
  d.presence_grace = d.history_ttl = milliseconds{250};
  d.max_state_size = d.history_size = d.max_subscribers = 14;
  d.join_leave = offer::asked;
  d.recover = offer::no;
  d.durability = durability::replicated;
  d.on_slow = slow_policy::latest;
  d.publications_per_second = 0.3;
  d.actor = "x";
  d.max_actor_mailbox = d.max_actor_state = 15;
  d.actor_budget = d.actor_idle = d.actor_state_ttl = milliseconds{16};

  const settings defaults;
  auto copy = defaults;
  std::set<std::string> paths;
  for (const auto& k : keys()) {
    CAPTURE(k.path);
    CHECK(!k.same(changed, defaults)); // a member added above and here only would be missed
    CHECK(k.read(k.write(changed), copy));
    CHECK(k.same(copy, changed));
    CHECK(paths.insert(k.path).second);
  }
  CHECK(copy == changed); // no member without a key
}
