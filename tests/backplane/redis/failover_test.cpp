// More than one Redis: replicas, promotions, Sentinels, and an old primary that lives on.

#include "tests/backplane/redis/certificates.hpp"
#include "tests/backplane/redis/cluster.hpp"

#include <doctest/doctest.h>

using namespace plexus::backplane;
using namespace plexus::backplane::contract;
using namespace plexus::backplane::redis::testing;
using plexus::backplane::redis::tls_settings;

namespace {

/// A primary, a replica that has all of it, and a Sentinel.
struct watched {
  server first, second{{"--replicaof", "127.0.0.1 " + std::to_string(first.port())}};
  std::unique_ptr<server> sentinel;

  watched() {
    in_sync();
    sentinel = server::sentinel_of(first);
    for (int i = 0; i < 500 && sentinel->ask({"SENTINEL", "replicas", "main"}).empty(); ++i)
      std::this_thread::sleep_for(20ms);
  }
  [[nodiscard]] std::string url() const { return "redis+sentinel://" + sentinel->address() + "/main"; }
  void in_sync() {
    for (int i = 0; i < 500; ++i) {
      first.ask({"SET", "written", "last"}); // WAIT is about what this connection wrote
      if (second.ask({"INFO", "replication"}).find("master_link_status:up") != std::string::npos &&
          first.number({"WAIT", "1", "1000"}) == 1)
        return;
      std::this_thread::sleep_for(20ms);
    }
    FAIL("the replica doesn't come up");
  }
};

bool all_ready(cluster& f) {
  return f.until([&] { return f.node(0).check().ready && f.node(1).check().ready && f.node(2).check().ready; },
                 15s);
}

} // namespace

TEST_CASE("failover: a promotion that lost nothing goes on without a gap, under a new epoch") {
  watched w;
  cluster f(w.first, quick(), w.url());
  subscribe(f, 1, "c", long_log);
  const auto before = append(f, 0, "c", long_log, said("a", "key")).at;
  w.in_sync();
  w.first.kill_hard();
  CHECK(f.until([&] { return !f.node(0).check().ready; }));
  CHECK(all_ready(f));
  CHECK(f.until([&] { return f.at(1).doubted.size() == 1; }));
  const auto after = recover(f, 1, "c", long_log, before);
  CHECK(after.recovered);
  CHECK(after.top.offset == before.offset);
  CHECK(after.top.epoch != before.epoch);
  CHECK(append(f, 2, "c", long_log, said("b")).at.offset == 2);
  CHECK(text(f.at(1).publications["c"]) == "1:a 2:b");
  CHECK(append(f, 2, "c", long_log, said("a", "key")).at.offset == 1); // the key went along
}

TEST_CASE("failover: writes that the replica never had are told as lost, and their positions aren't given again") {
  watched w;
  cluster f(w.first, quick(), w.url());
  subscribe(f, 1, "c", long_log);
  subscribe(f, 1, "plain", no_log);
  const auto kept = append(f, 0, "c", long_log, said("kept")).at;
  w.in_sync();
  w.second.pause();
  w.first.ask({"CLIENT", "KILL", "TYPE", "replica"}); // or it would find the write in its socket
  const auto lost = append(f, 0, "c", long_log, said("lost")).at;
  append(f, 0, "plain", no_log, said("lost"));
  w.first.kill_hard();
  w.second.resume();
  CHECK(f.until([&] { return !f.node(0).check().ready; }));
  CHECK(all_ready(f));
  CHECK(f.until([&] { return f.at(1).doubted.size() == 2; }));
  const auto again = append(f, 0, "c", long_log, said("again")).at;
  CHECK(again.offset == lost.offset);
  CHECK(again.epoch != lost.epoch);
  CHECK_FALSE(recover(f, 1, "c", long_log, lost).recovered);
  CHECK(text(recover(f, 1, "c", long_log, kept).publications) == "2:again");
}

TEST_CASE("failover: an old primary that lives on is left within two seconds, though its connections look well") {
  watched w;
  cluster f(w.first, quick(), w.url());
  append(f, 0, "c", long_log, said("a"));
  w.in_sync();
  // The Sentinels have decided; the old one doesn't know.
  w.second.ask({"REPLICAOF", "NO", "ONE"});
  w.sentinel->ask({"SENTINEL", "REMOVE", "main"});
  w.sentinel->ask({"SENTINEL", "MONITOR", "main", "127.0.0.1", std::to_string(w.second.port()), "1"});
  std::this_thread::sleep_for(2s);
  CHECK(all_ready(f));
  append(f, 0, "c", long_log, said("b"));
  CHECK(w.second.number({"XLEN", "plexus:{p0}:h:c"}) == 2);
  CHECK(w.first.number({"XLEN", "plexus:{p0}:h:c"}) == 1);
}

TEST_CASE("failover: there and back again without a restart is another generation, though no connection was cut") {
  server first, second{{"--replicaof", "127.0.0.1 " + std::to_string(first.port())}};
  cluster f(first);
  subscribe(f, 1, "c", long_log);
  const auto kept = append(f, 0, "c", long_log, said("kept")).at;
  for (int i = 0; i < 500 && first.number({"WAIT", "1", "100"}) < 1; ++i) std::this_thread::sleep_for(20ms);
  second.ask({"REPLICAOF", "NO", "ONE"});
  const auto lost = append(f, 0, "c", long_log, said("lost")).at;
  // Both nodes stand still while the first one follows the second and becomes primary again.
  std::thread frozen0([&] { f.freeze(0, 2500ms); }), frozen1([&] { f.freeze(1, 2500ms); }),
      frozen2([&] { f.freeze(2, 2500ms); });
  std::this_thread::sleep_for(50ms);
  first.ask({"REPLICAOF", "127.0.0.1", std::to_string(second.port())});
  for (int i = 0; i < 500 && first.ask({"INFO", "replication"}).find("master_link_status:up") == std::string::npos;
       ++i)
    std::this_thread::sleep_for(20ms);
  first.ask({"REPLICAOF", "NO", "ONE"});
  for (auto* each : {&frozen0, &frozen1, &frozen2}) each->join();
  const auto again = [&] {
    for (;;) {
      std::vector<outcome<appended>> got;
      f.node(0).append("c", long_log, said("again"), [&](auto how) { got.push_back(std::move(how)); });
      REQUIRE(f.until([&] { return !got.empty(); }));
      if (got[0].ok()) return got[0]->at;
    }
  }();
  CHECK(again.offset == lost.offset);
  CHECK(again.epoch != lost.epoch);
  CHECK(f.until([&] { return f.at(1).doubted.size() == 1; }));
  CHECK_FALSE(recover(f, 1, "c", long_log, lost).recovered);
  CHECK(recover(f, 1, "c", long_log, kept).recovered);
}

TEST_CASE("failover: the inbox is never read from another server than the one that commands go to") {
  // What a balancer in front does: one connection here, the next one there.
  server first, second{{"--replicaof", "127.0.0.1 " + std::to_string(first.port())}};
  forked_port balanced({first.port(), second.port()});
  cluster f(first);
  plexus::backplane::redis::options with;
  with.where.hosts = {{"127.0.0.1", balanced.port()}};
  with.times = quick();
  with.connect_timeout = 700ms;
  plexus::runtime::runtime loops(1);
  heard ignored;
  plexus::backplane::redis::redis_backplane plane(loops.at(0), with, ignored, [](auto, auto) {});
  std::promise<plexus::backplane::redis::start_result> how;
  loops.start();
  loops.at(0).post([&] { plane.start([&](const auto& r) { how.set_value(r); }); });
  CHECK(how.get_future().get().fault.find("another server") != std::string::npos);
  loops.stop();
}

TEST_CASE("replicated: acknowledged only once a replica has it, refused where there is none") {
  server first;
  cluster f(first);
  subscribe(f, 1, "c", long_log);
  auto what = said("a");
  what.replicated = true;
  const auto alone = ask<appended>(f, [&](auto done) { f.node(0).append("c", long_log, what, std::move(done)); });
  CHECK_FALSE(alone.ok());
  CHECK(append(f, 0, "c", long_log, said("b")).at.offset == 1); // the refused one was not made
  // So is what a channel actor changes, though it publishes nothing.
  const auto right =
      ask<actor_claim>(f, [&](auto done) { f.node(0).claim_actor("c", "one", 60s, std::move(done)); });
  REQUIRE(right.ok());
  actor_write change;
  change.holder = "one";
  change.token = right->right.token;
  change.sequence = 1;
  change.how = actor_write::mode::add;
  change.facts = "x";
  change.ttl = 60s;
  change.replicated = true;
  const auto changed = [&] {
    return ask<actor_written>(f, [&](auto done) { f.node(0).write_actor("c", long_log, change, std::move(done)); })
        .ok();
  };
  CHECK_FALSE(changed());
  server second{{"--replicaof", "127.0.0.1 " + std::to_string(first.port())}};
  for (int i = 0; i < 500 && first.number({"WAIT", "1", "100"}) < 1; ++i) std::this_thread::sleep_for(20ms);
  std::this_thread::sleep_for(1100ms); // the number of replicas is looked at once a second
  CHECK(append(f, 0, "c", long_log, what).at.offset == 2);
  CHECK(second.number({"XLEN", "plexus:{p0}:h:c"}) == 2);
  CHECK(changed());
  CHECK(second.number({"LLEN", "plexus:{p0}:b:c"}) == 1);
  second.pause();
  std::vector<outcome<appended>> answers;
  f.node(0).append("c", long_log, what, [&](auto how) { answers.push_back(std::move(how)); });
  CHECK(f.until([&] { return !answers.empty(); }));
  REQUIRE_FALSE(answers[0].ok());
  second.resume();
  CHECK(f.until([&] { return f.at(1).publications["c"].size() == 3; }));
}

TEST_CASE("replicated: a batch that is repeated over a new connection waits for the replica as the first one did") {
  server first, second{{"--replicaof", "127.0.0.1 " + std::to_string(first.port())}};
  cluster f(first);
  for (int i = 0; i < 500 && first.number({"WAIT", "1", "100"}) < 1; ++i) std::this_thread::sleep_for(20ms);
  auto what = said("a", "key");
  what.replicated = true;
  const auto stored = [&] {
    return ask<appended>(f, [&](auto done) { f.node(0).append("c", long_log, what, std::move(done)); });
  };
  CHECK(f.until([&] { return stored().ok(); }));
  second.pause();
  what = said("b", "another key");
  what.replicated = true;
  std::vector<outcome<appended>> answers;
  f.node(0).append("c", long_log, what, [&](auto how) { answers.push_back(std::move(how)); });
  CHECK(f.until([&] { return first.number({"XLEN", "plexus:{p0}:h:c"}) == 2; }));
  CHECK(answers.empty());
  // It is in the log, and its answer is lost: no write of the new connection is it, so its WAIT has to count all.
  f.on_loop(0, [&] { f.plane(0).cut(); });
  CHECK(f.until([&] { return !answers.empty(); }));
  REQUIRE(answers.size() == 1);
  CHECK_FALSE(answers[0].ok());
  second.resume();
  CHECK(f.until([&] {
    const auto now = stored();
    return now.ok() && now->at.offset == 2;
  }));
  CHECK(first.number({"XLEN", "plexus:{p0}:h:c"}) == 2);
  CHECK(second.number({"XLEN", "plexus:{p0}:h:c"}) == 2);
}

TEST_CASE("replicated with a replica that hangs: it costs the others one wait, not one for each publication") {
  server first, second{{"--replicaof", "127.0.0.1 " + std::to_string(first.port())}};
  cluster f(first);
  for (int i = 0; i < 500 && first.number({"WAIT", "1", "100"}) < 1; ++i) std::this_thread::sleep_for(20ms);
  std::this_thread::sleep_for(1100ms); // the number of replicas is looked at once a second
  auto what = said("a");
  what.replicated = true;
  const auto replicated = [&] {
    return ask<appended>(f, [&](auto done) { f.node(0).append("c", long_log, what, std::move(done)); }).ok();
  };
  CHECK(replicated());
  second.pause();
  CHECK_FALSE(replicated());
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(replicated());
    append(f, 0, "d", long_log, said("b"));
  }
  CHECK(std::chrono::steady_clock::now() - begun < quick().replica_wait);
  second.resume();
  CHECK(f.until([&] { return replicated(); }));
}

TEST_CASE("replicated in many partitions with a replica that hangs: all of a server wait once, and others go on") {
  server first, second{{"--replicaof", "127.0.0.1 " + std::to_string(first.port())}};
  auto times = quick();
  times.replica_wait = 300ms;
  cluster f(first, times, {}, 16);
  for (int i = 0; i < 500 && first.number({"WAIT", "1", "100"}) < 1; ++i) std::this_thread::sleep_for(20ms);
  std::this_thread::sleep_for(1100ms); // the number of replicas is looked at once a second
  auto what = said("a");
  what.replicated = true;
  std::size_t stored = 0, refused = 0;
  const auto replicated = [&](int many) {
    for (int i = 0; i < many; ++i)
      f.node(0).append(std::to_string(i), long_log, what,
                       [&](const auto& how) { ++(how.ok() ? stored : refused); });
  };
  replicated(100);
  CHECK(f.until([&] { return stored == 100; }));
  second.pause();
  const auto begun = std::chrono::steady_clock::now();
  replicated(100);
  append(f, 0, "fast", long_log, said("b"));
  CHECK(f.until([&] { return refused == 100; }));
  CHECK(std::chrono::steady_clock::now() - begun < 3 * times.replica_wait); // one, and glances; each partition: 16
  const auto again = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    replicated(20);
    append(f, 0, "fast", long_log, said("b"));
  }
  CHECK(f.until([&] { return refused == 300; }));
  CHECK(std::chrono::steady_clock::now() - again < 3 * times.replica_wait); // a glance each: five times as long
  CHECK(f.node(0).check().ready);
  second.resume();
  CHECK(f.until([&] {
    replicated(1);
    return stored > 100;
  }));
}

TEST_CASE("replicated without a replica: refused at once, and nobody else waits for it") {
  server first;
  cluster f(first);
  auto what = said("a");
  what.replicated = true;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(ask<appended>(f, [&](auto done) { f.node(0).append("c", long_log, what, std::move(done)); }).ok());
    CHECK(append(f, 0, "d", long_log, said("b")).at.offset == static_cast<std::uint64_t>(i + 1));
  }
  CHECK(std::chrono::steady_clock::now() - begun < quick().replica_wait); // each of the three would take that long
}

TEST_CASE("TLS: a wrong authority, a wrong name or a wrong password is said") {
  certificates right, wrong;
  const auto port = std::to_string(free_port());
  server redis({"--tls-port", port, "--tls-ca-cert-file", right.ca(), "--tls-cert-file", right.certificate(),
                "--tls-key-file", right.key(), "--tls-auth-clients", "no", "--user", "plexus", "on", ">secret",
                "~*", "+@all"});
  const auto fault = [&](const std::string& login, const tls_settings& tls) {
    plexus::backplane::redis::options with;
    with.where = std::get<plexus::backplane::redis::address>(
        plexus::backplane::redis::parse_address("rediss://" + login + "@127.0.0.1:" + port));
    with.tls = tls;
    with.times = quick();
    with.connect_timeout = 1500ms;
    plexus::runtime::runtime loops(1);
    heard ignored;
    plexus::backplane::redis::redis_backplane plane(loops.at(0), with, ignored, [](auto, auto) {});
    std::promise<plexus::backplane::redis::start_result> how;
    loops.start();
    loops.at(0).post([&] { plane.start([&](const auto& r) { how.set_value(r); }); });
    const auto out = how.get_future().get().fault;
    loops.stop();
    return out;
  };
  CHECK(fault("plexus:secret", {right.ca(), "", "", "redis.test"}) == "");
  CHECK(fault("plexus:secret", {wrong.ca(), "", "", "redis.test"}).find("certificate verify failed") !=
        std::string::npos);
  CHECK(fault("plexus:secret", {right.ca(), "", "", "other.test"}).find("certificate verify failed") !=
        std::string::npos);
  CHECK(fault("plexus:other", {right.ca(), "", "", "redis.test"}).find("WRONGPASS") != std::string::npos);
}
