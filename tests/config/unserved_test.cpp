#include "tests/config/fixture.hpp"

#include <doctest/doctest.h>

using namespace plexus::config;
using namespace plexus::config::testing;

namespace {

lines left_out(const lines& set) {
  const auto got = load_all("", {}, set);
  CHECK(faults(got) == lines{});
  lines keys;
  for (const auto& f : unserved(got.values, got.where)) keys.push_back(f.key);
  return keys;
}

} // namespace

TEST_CASE("the defaults are all served") {
  CHECK(unserved(settings{}).empty());
}

TEST_CASE("served settings are not told") {
  CHECK(left_out({"client.max_connections_per_user=2",
                  "backplane.url=redis+cluster://h:6379",
                  "channels.default.max_subscribers=2",
                  "client.token.audience=a",
                  "client.token.issuer=i",
                  "client.token.hmac_secret=s",
                  "client.token.public_key=x",
                  "client.token.jwks_url=https://x",
                  "internal.address=127.0.0.1",
                  "api.key=k",
                  "admin.secret=s",
                  "demo=true",
                  "client.insecure=true",
                  "client.compression=true",
                  "client.anonymous=true",
                  "listen.tls.certificate=c",
                  "listen.tls.key=k",
                  "listen.proxy_protocol=true",
                  R"(listen.trusted_proxies=["10.0.0.0/8"])",
                  "listen.connects_per_second_per_address=5",
                  "log.format=json",
                  "node.loops=2",
                  R"(client.allowed_origins=["*"])",
                  "node.max_queue_memory=1",
                  "client.rate.commands_per_second=1",
                  "client.rate.bytes_per_second=1",
                  "client.rate.burst=1",
                  "channels.default.delta=true",
                  "channels.default.on_slow=latest",
                  R"(plugins=["x.so"])",
                  "channels.default.actor=poll",
                  "channels.namespaces.a.actor=poll",
                  "channels.default.max_actor_state=1000",
                  "channels.default.actor_budget=20ms",
                  "channels.namespaces.a.publications_per_second=0.5"})
            .empty());
}
