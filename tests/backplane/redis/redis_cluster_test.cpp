// A real Redis Cluster: slots that move, primaries that die or stand still. The promises are those of one server.

#include "backplane/redis/slots.hpp"
#include "tests/backplane/redis/certificates.hpp"
#include "tests/backplane/redis/cluster.hpp"
#include "tests/backplane/redis/redis_cluster.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <set>

using namespace plexus::backplane;
using namespace plexus::backplane::contract;
using namespace plexus::backplane::redis::testing;
using plexus::backplane::redis::address;
using plexus::backplane::redis::options;
using plexus::backplane::redis::parse_address;
using plexus::backplane::redis::partition_tag;
using plexus::backplane::redis::redis_backplane;
using plexus::backplane::redis::slot_of;
using plexus::backplane::redis::start_result;
using plexus::backplane::redis::tls_settings;
using plexus::backplane::redis::tuning;

namespace {

constexpr unsigned parts = 6;

struct spread final : cluster {
  explicit spread(redis_cluster& on, tuning times = quick()) :
      cluster(on.at(0), times, on.url(), parts), servers(on) {}
  /// Every partition of every node can be used.
  bool all_well(milliseconds most = 20s) {
    return until(
        [&] {
          return node(0).check().message.empty() && node(1).check().message.empty() &&
                 node(2).check().message.empty();
        },
        most);
  }
  /// The slot that the channel, which has a log, is in.
  std::uint16_t slot(const std::string& channel) {
    for (unsigned i = 0; i < parts; ++i) {
      const auto tag = partition_tag(i, parts);
      auto& there = servers.at(servers.owner(slot_of(tag)));
      if (there.number({"EXISTS", "plexus:{" + tag + "}:c:" + channel}) == 1) return slot_of(tag);
    }
    FAIL("nobody has " << channel);
    return 0;
  }
  /// Calls of a command at some servers, as they count them.
  long long calls(const std::string& command, std::size_t from, std::size_t to) {
    long long all = 0;
    const auto begin = "cmdstat_" + command + ":calls=";
    for (auto i = from; i < to; ++i) {
      const auto text = servers.at(i).ask({"INFO", "commandstats"});
      if (const auto at = text.find(begin); at != std::string::npos)
        all += std::stoll(text.substr(at + begin.size()));
    }
    return all;
  }
  /// Waits until every node has been served in each partition that these servers have: each renewal there is one
  /// XTRIM.
  bool served(std::size_t from, std::size_t to, std::size_t partitions) {
    const auto before = calls("xtrim", from, to);
    return until([&] { return calls("xtrim", from, to) >= before + 2 * 3 * static_cast<long long>(partitions); },
                 10s);
  }
  /// Waits until all nodes have asked a server without partitions who it is, and were served elsewhere since.
  bool known(std::size_t fresh) {
    auto expected = 3LL * 2 - 1; // and one with each look
    return until([&] { return calls("info", fresh, fresh + 1) >= ++expected; }, 10s) && served(0, fresh, parts);
  }
  /// Channels named `name`0, ... that node 1 subscribes to; at least one for each primary.
  std::vector<std::string> channels(const std::string& name, std::size_t count, const retention& keep) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i) {
      out.push_back(name + std::to_string(i));
      subscribe(*this, 1, out.back(), keep);
    }
    return out;
  }
  redis_cluster& servers;
};

/// Publishes to its channels in turn, one under way in each, with a key each and again until it is acknowledged.
class publisher {
public:
  publisher(spread& f, std::vector<std::string> channels, retention keep) :
      f_(f), keep_(keep), channels_(std::move(channels)) {
    for (std::size_t i = 0; i < channels_.size(); ++i) next(i);
  }
  void stop() { stopping_ = true; }
  [[nodiscard]] bool idle() const { return under_way_ == 0; }
  [[nodiscard]] std::size_t done(std::size_t channel) { return counts_[channel]; }
  [[nodiscard]] std::size_t errors() const { return errors_; }

private:
  void next(std::size_t channel) {
    if (stopping_) return;
    ++under_way_;
    send(channel);
  }
  void send(std::size_t channel) {
    const auto what = std::to_string(counts_[channel]);
    f_.node(0).append(channels_[channel], keep_, said(what, "key-" + what), [this, channel](const auto& how) {
      if (!how.ok()) {
        ++errors_;
        return send(channel);
      }
      --under_way_;
      ++counts_[channel];
      next(channel);
    });
  }
  spread& f_;
  retention keep_;
  std::vector<std::string> channels_;
  std::map<std::size_t, std::size_t> counts_;
  std::size_t under_way_ = 0, errors_ = 0;
  bool stopping_ = false;
};

/// What node 1 got of a channel: every number once, in order.
bool complete(spread& f, const std::string& channel, std::size_t count) {
  const auto& got = f.at(1).publications[channel];
  if (got.size() != count) return false;
  for (std::size_t i = 0; i < count; ++i)
    if (got[i]->data != std::to_string(i) || got[i]->offset != i + 1) return false;
  return true;
}

std::size_t told(spread& f, const std::string& channel) {
  const auto& all = f.at(1).doubted;
  return static_cast<std::size_t>(std::count(all.begin(), all.end(), channel));
}

const retention all_of_it{100'000, std::chrono::hours{1}};

} // namespace

TEST_CASE("Cluster: slots that move under load lose nothing, double nothing, and no client has to be told") {
  redis_cluster servers({3, 0});
  spread f(servers);
  const auto names = f.channels("c", 12, all_of_it);
  enter(f, 1, "c0", {"bob", "c1", "", ""});
  publisher p(f, names, all_of_it);
  const auto fresh = servers.add_primary();
  CHECK(f.until([&] { return p.done(0) > 20; }));
  CHECK(f.known(fresh));
  std::set<std::uint16_t> slots;
  for (const auto& each : names) slots.insert(f.slot(each));
  // Each of them goes to the new server, and the first comes back.
  const auto moving = [&](const std::function<void()>& what) {
    auto moved = std::async(std::launch::async, what);
    CHECK(f.until([&] { return moved.wait_for(0s) == std::future_status::ready; }, 30s));
    moved.get();
  };
  moving([&] {
    for (const auto slot : slots) servers.move_slot(slot, servers.owner(slot), fresh);
  });
  CHECK(f.served(fresh, fresh + 1, slots.size())); // who hasn't been there can't prove the next move
  moving([&] { servers.move_slot(*slots.begin(), fresh, 0); });
  const auto so_far = p.done(0);
  CHECK(f.until([&] { return p.done(0) > so_far + 20; }, 10s));
  p.stop();
  CHECK(f.until([&] { return p.idle(); }));
  f.settle();
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK_MESSAGE(complete(f, names[i], p.done(i)), names[i]);
    CHECK(told(f, names[i]) == 0);
  }
  CHECK(members(f, 2, "c0").members.size() == 1);
  CHECK(servers.owner(*slots.rbegin()) == fresh);
}

TEST_CASE("Cluster: while a slot is half gone nothing is done in it; then everything goes on") {
  redis_cluster servers({3, 0});
  spread f(servers);
  const auto names = f.channels("c", 8, all_of_it);
  std::vector<position> before;
  for (const auto& each : names) before.push_back(append(f, 0, each, all_of_it, said("a", "key")).at);
  const auto slot = f.slot("c0");
  const auto from = servers.owner(slot), to = (from + 1) % 3;
  std::vector<std::size_t> inside;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (f.slot(names[i]) == slot) inside.push_back(i);
  CHECK(f.served(0, 3, parts)); // the nodes know all servers
  servers.move_slot(slot, from, to, [&] {
    std::size_t done = 0, refused = 0;
    for (const auto& each : names)
      f.node(0).append(each, all_of_it, said("b", "second"),
                       [&](const auto& how) { ++(how.ok() ? done : refused); });
    CHECK(f.until([&] { return done + refused == names.size(); }, 3s));
    CHECK(refused == inside.size());
  });
  // The batch that waited is sent again by itself.
  CHECK(f.until([&] { return f.at(1).publications["c0"].size() == 2; }));
  for (std::size_t i = 0; i < names.size(); ++i) {
    // Given up towards its publisher, and done once or never: the key has one position.
    const auto again = append(f, 0, names[i], all_of_it, said("b", "second")).at;
    CHECK(again == position{before[i].epoch, 2});
    CHECK(append(f, 2, names[i], all_of_it, said("a", "key")).at == before[i]);
    CHECK(append(f, 2, names[i], all_of_it, said("c")).at.offset == 3);
  }
  f.settle();
  for (const auto& each : names) CHECK(text(f.at(1).publications[each]) == "1:a 2:b 3:c");
  CHECK(f.at(1).doubted.empty());
}

TEST_CASE("Cluster: a primary that dies takes its own partitions through a new generation, the others run on") {
  redis_cluster servers({3, 1, 1000});
  spread f(servers);
  const auto names = f.channels("c", 12, all_of_it);
  std::map<std::string, position> before;
  for (const auto& each : names) before[each] = append(f, 0, each, all_of_it, said("0", "key 0")).at;
  std::set<std::string> struck;
  for (const auto& each : names)
    if (servers.owner(f.slot(each)) == 1) struck.insert(each);
  REQUIRE(!struck.empty());
  REQUIRE(struck.size() < names.size());
  // Others are published to all the while.
  const auto busy = f.channels("b", 12, all_of_it);
  for (const auto& each : busy) append(f, 0, each, all_of_it, said("0", "key-0"));
  std::set<std::string> busy_struck;
  for (const auto& each : busy)
    if (servers.owner(f.slot(each)) == 1) busy_struck.insert(each);
  publisher p(f, busy, all_of_it);
  servers.at(1).ask({"WAIT", "1", "1000"});
  CHECK(f.until([&] { return p.done(0) > 20; }));
  servers.at(1).kill_hard();
  CHECK(f.until([&] { return !f.node(0).check().message.empty(); }));
  // Those on other primaries don't notice.
  for (const auto& each : names)
    if (!struck.contains(each)) CHECK(append_only(f, 0, each, all_of_it, said("1")).at.epoch == before[each].epoch);
  CHECK(f.all_well());
  CHECK(f.until([&] {
    return std::all_of(struck.begin(), struck.end(), [&](const auto& each) { return told(f, each) == 1; });
  }));
  for (const auto& each : names) {
    const bool was_struck = struck.contains(each);
    CHECK(told(f, each) == (was_struck ? 1 : 0));
    const auto now = recover(f, 1, each, all_of_it, before[each]);
    CHECK(now.recovered);
    CHECK((now.top.epoch != before[each].epoch) == was_struck);
    CHECK(append(f, 2, each, all_of_it, said("0", "key 0")).at.offset == 1);
  }
  std::vector<std::size_t> so_far;
  for (std::size_t i = 0; i < busy.size(); ++i) so_far.push_back(p.done(i));
  CHECK(f.until([&] {
    for (std::size_t i = 0; i < busy.size(); ++i)
      if (p.done(i) < so_far[i] + 5) return false;
    return true;
  }));
  p.stop();
  CHECK(f.until([&] { return p.idle(); }));
  f.settle();
  CHECK(p.errors() > 0); // what was under way there
  for (std::size_t i = 0; i < busy.size(); ++i) {
    const bool was_struck = busy_struck.contains(busy[i]);
    CHECK(told(f, busy[i]) == (was_struck ? 1 : 0));
    if (!was_struck) CHECK_MESSAGE(complete(f, busy[i], p.done(i)), busy[i]);
  }
}

TEST_CASE("Cluster: a primary that stood still is left for its replica, and what it lost is told") {
  redis_cluster servers({3, 1, 1000});
  spread f(servers);
  const auto names = f.channels("c", 12, all_of_it);
  for (const auto& each : names) append(f, 0, each, all_of_it, said("kept"));
  const auto name =
      *std::find_if(names.begin(), names.end(), [&](const auto& each) { return servers.owner(f.slot(each)) == 2; });
  servers.at(2).ask({"WAIT", "1", "1000"});
  // Its replica doesn't get the last write.
  servers.at(5).pause();
  servers.at(2).ask({"CLIENT", "KILL", "TYPE", "replica"});
  const auto lost = append_only(f, 0, name, all_of_it, said("lost")).at;
  servers.at(2).pause();
  servers.at(5).resume();
  CHECK(f.until([&] { return !f.node(0).check().message.empty(); }));
  CHECK(f.all_well());
  servers.at(2).resume();
  CHECK(f.until([&] { return told(f, name) == 1; }));
  const auto again = append(f, 0, name, all_of_it, said("again")).at;
  CHECK(again.offset == lost.offset);
  CHECK(again.epoch != lost.epoch);
  CHECK_FALSE(recover(f, 1, name, all_of_it, lost).recovered);
  for (const auto& each : names)
    if (servers.owner(f.slot(each)) < 2) CHECK(told(f, each) == 0);
}

TEST_CASE("Cluster: a node is ready while more than half of its partitions can be used, and says which can't") {
  redis_cluster servers({3, 0, 1000, {"--cluster-require-full-coverage", "no"}});
  spread f(servers);
  const auto names = f.channels("c", 12, all_of_it);
  for (const auto& each : names) append(f, 0, each, all_of_it, said("a"));
  // Of three primaries each has a third, give or take; the one that dies has less than half in any case.
  std::map<std::size_t, std::size_t> has;
  for (unsigned i = 0; i < parts; ++i) ++has[servers.owner(slot_of(partition_tag(i, parts)))];
  const auto struck = has.begin()->first;
  REQUIRE(has[struck] * 2 < parts);
  const auto away = [&](std::size_t node) {
    for (const auto& each : f.plane(node).samples())
      if (each.name == "plexus_backplane_partitions_away") return static_cast<std::size_t>(each.value);
    return std::size_t{99};
  };
  CHECK(f.node(0).check().message.empty());
  CHECK(away(0) == 0);
  std::vector<std::string> hit, spared;
  for (const auto& each : names) (servers.owner(f.slot(each)) == struck ? hit : spared).push_back(each);
  REQUIRE(!hit.empty());
  servers.at(struck).kill_hard();
  bool always = true;
  const auto ready = [&] { return f.node(0).check().ready && f.node(1).check().ready && f.node(2).check().ready; };
  const auto count = std::to_string(has[struck]) + " of 6 partitions can't be used";
  CHECK(f.until([&] {
    always = always && ready();
    return f.node(0).check().message.find(count) == 0 && f.node(1).check().message.find(count) == 0;
  }));
  CHECK(away(0) == has[struck]);
  // Longer than Redis takes to agree that the server is gone: the rest is served still.
  const auto end = std::chrono::steady_clock::now() + 2500ms;
  while (std::chrono::steady_clock::now() < end) {
    for (const auto& each : spared) append_only(f, 0, each, all_of_it, said("b"));
    always = always && ready();
  }
  CHECK(always);
  outcome<appended> refused = appended{};
  f.node(0).append(hit.front(), all_of_it, said("b"), [&](const auto& how) { refused = how; });
  CHECK(f.until([&] { return !refused.ok(); }));
  // One of three left: most can't be used.
  servers.at(has.rbegin()->first).kill_hard();
  CHECK(f.until([&] { return !f.node(0).check().ready; }));
}

TEST_CASE("Cluster: the number of partitions is fixed at its first use") {
  redis_cluster servers({3, 0});
  spread f(servers);
  CHECK(f.started(0).fault.empty());
  cluster other(servers.at(0), quick(), servers.url(), parts + 1);
  for (const std::size_t node : {0U, 1U, 2U}) {
    CHECK(other.started(node).bad_configuration);
    CHECK(other.started(node).fault.find("first used with 6, this node is configured for 7") != std::string::npos);
  }
  // The others wrote nothing.
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(servers.at(i).ask({"KEYS", "plexus:{" + partition_tag(6, 7) + "}*"}).empty());
}

TEST_CASE("Cluster: with TLS, a user and a password, and what is said when they are wrong") {
  certificates files, wrong;
  redis_cluster servers({3, 0, 15'000, {}, &files});
  const auto fault = [&](const std::string& login, const tls_settings& tls) {
    options with;
    with.where = std::get<address>(parse_address(servers.url(login, "rediss+cluster")));
    with.tls = tls;
    with.times = quick();
    with.partitions = parts;
    with.connect_timeout = 1500ms;
    plexus::runtime::runtime loops(1);
    heard ignored;
    redis_backplane plane(loops.at(0), with, ignored, [](auto, auto) {});
    std::promise<start_result> how;
    loops.start();
    loops.at(0).post([&] { plane.start([&](const auto& r) { how.set_value(r); }); });
    const auto out = how.get_future().get().fault;
    loops.stop();
    return out;
  };
  const tls_settings good{files.ca(), files.certificate(), files.key(), "redis.test"};
  CHECK(fault("plexus:p%40ss@", good) == "");
  CHECK(fault("plexus:other@", good).find("WRONGPASS") != std::string::npos);
  CHECK(fault("plexus:p%40ss@", {wrong.ca(), files.certificate(), files.key(), "redis.test"})
            .find("certificate verify failed") != std::string::npos);
}
