// Slots, names of partitions, and what a node makes of contradicting views of a Cluster.

#include "backplane/redis/cluster_view.hpp"
#include "backplane/redis/slots.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>

using namespace plexus::backplane::redis;
using namespace std::chrono_literals;

namespace {

const endpoint asked{"10.0.0.1", 6379};

std::string line(const std::string& place, const std::string& flags, int epoch, const std::string& slots) {
  return "07c37dfeb235213a872192d90877d0cd55635b91 " + place + " " + flags + " - 0 1426238317239 " +
         std::to_string(epoch) + " connected" + (slots.empty() ? "" : " " + slots) + "\n";
}

std::string owner_of(const cluster_view& v, std::uint16_t slot) {
  const auto found = v.owner(slot);
  return found ? to_string(found->where) + (found->failed ? " failed" : "") : "nobody";
}

} // namespace

TEST_CASE("slots: as Redis counts them") {
  CHECK(slot_of("123456789") == 12739);
  CHECK(slot_of("foo") == 12182);
  CHECK(slot_of("") == 0);
}

TEST_CASE("slots: partitions lie evenly on any number of primaries, and the first is always p0") {
  for (const unsigned all : {1U, 2U, 3U, 16U, 48U, 256U}) CHECK(partition_tag(0, all) == "p0");
  for (const unsigned primaries : {2U, 3U, 4U, 6U, 8U}) {
    std::array<unsigned, 8> load{};
    std::set<std::string> names;
    for (unsigned i = 0; i < 48; ++i) {
      const auto tag = partition_tag(i, 48);
      names.insert(tag);
      ++load[slot_of(tag) * primaries / slot_count];
    }
    CHECK(names.size() == 48);
    CHECK(*std::max_element(load.begin(), load.end()) <= 48 / primaries + 1);
  }
  CHECK(partition_tag(7, 16'384) == "p7");
}

TEST_CASE("slots: errors of a Cluster are told apart") {
  CHECK(redirection_of("MOVED 3999 127.0.0.1:6381") == redirection::moved);
  CHECK(redirection_of("ASK 3999 127.0.0.1:6381") == redirection::moving);
  CHECK(redirection_of("TRYAGAIN Multiple keys request during rehashing of slot") == redirection::moving);
  CHECK(redirection_of("CLUSTERDOWN The cluster is down") == redirection::none);
  CHECK(redirection_of("MOVEDX") == redirection::none);
  CHECK(redirection_of("") == redirection::none);
}

TEST_CASE("cluster view: the lines of CLUSTER NODES, also those that make no sense") {
  const auto all =
      parse_servers(line(":6379@16379", "myself,master", 1, "0-5460 [77->-07c37dfe]") +
                        line("10.0.0.2:6380@16380,two.example.com", "master,fail", 2, "5461-5470 9000") +
                        line("fe80::1:6381@16381,,shard-id=1", "slave", 2, "") +
                        line(":0@0", "master,noaddr", 3, "5") + line("10.0.0.4:1@2", "handshake", 0, "") +
                        "nonsense\n\n x y\n" + line("10.0.0.5:6379@1", "master,fail?", 4, "9001-99999 7-3 a-b"),
                    asked);
  REQUIRE(all.size() == 4);
  CHECK(all[0].where == asked);
  CHECK((all[0].primary && !all[0].failed && all[0].slots.size() == 1));
  CHECK(to_string(all[1].where) == "two.example.com:6380");
  CHECK((all[1].ip == "10.0.0.2" && all[1].failed && all[1].slots.size() == 2));
  CHECK((all[2].where == endpoint{"fe80::1", 6381} && !all[2].primary));
  CHECK((all[3].slots.empty() && !all[3].failed));
}

TEST_CASE("cluster view: the later owner counts, whoever is asked last") {
  cluster_view v({asked}, {5, 9000});
  CHECK(owner_of(v, 5) == "nobody");
  const auto old = line("10.0.0.1:1@2", "master", 1, "0-16383"), other = line("10.0.0.2:1@2", "master", 2, "");
  REQUIRE(v.take(parse_servers(old + other, asked), 0ms));
  CHECK(owner_of(v, 5) == "10.0.0.1:1");
  v.take(parse_servers(line("10.0.0.1:1@2", "master,fail", 1, "") + line("10.0.0.2:1@2", "master", 7, "0-16383"),
                       asked),
         1000ms);
  CHECK(owner_of(v, 5) == "10.0.0.2:1");
  v.take(parse_servers(old + other, asked), 2000ms); // it was cut off and believes in itself
  CHECK(owner_of(v, 5) == "10.0.0.2:1");
  v.take(parse_servers(old + other, asked), 7000ms); // nobody says otherwise for long
  CHECK(owner_of(v, 5) == "10.0.0.1:1");
  CHECK_FALSE(v.take(parse_servers(line(":1@2", "myself,master", 9, ""), asked), 7000ms));
  CHECK(owner_of(v, 9000) == "10.0.0.1:1");
}

TEST_CASE("cluster view: a redirection counts until a view with a later epoch comes") {
  cluster_view v({asked}, {5});
  const auto before = line("10.0.0.1:1@2,one", "master", 1, "0-16383") + line("10.0.0.2:1@2,two", "master", 2, "");
  v.take(parse_servers(before, asked), 0ms);
  v.moved("MOVED 5 10.0.0.2:1", {"one", 1}, 100ms);
  CHECK(owner_of(v, 5) == "two:1"); // by the name that it is known by
  v.take(parse_servers(before, asked), 200ms);
  CHECK(owner_of(v, 5) == "two:1");
  v.moved("MOVED 5 :7", {"one", 1}, 300ms);
  CHECK(owner_of(v, 5) == "one:7");
  for (const auto* nonsense :
       {"MOVED", "MOVED 5", "MOVED x two:1", "MOVED 5 two", "MOVED 99999 two:1", "ASK 5 two:1"})
    v.moved(nonsense, {"one", 1}, 400ms);
  CHECK(owner_of(v, 5) == "one:7");
}

TEST_CASE("cluster view: who a server is counts from when it was first known to be that") {
  cluster_view v({asked}, {5});
  v.take(parse_servers(line("a:1@2", "master", 1, "0-16383") + line("b:1@2", "master", 2, ""), asked), 0ms);
  REQUIRE(v.stranger());
  v.met({"a", 1}, "run a", 100ms);
  v.met({"a", 1}, "run a", 900ms);
  CHECK(v.mark({"a", 1}, 100ms).empty());
  CHECK(v.mark({"a", 1}, 101ms) == "run a");
  CHECK(v.stranger()->host == "b");
  v.met({"b", 1}, "run b", 200ms);
  CHECK_FALSE(v.stranger());
  v.met({"a", 1}, "another", 1000ms);
  CHECK(v.mark({"a", 1}, 900ms).empty());
  v.take(parse_servers(line("a:1@2", "slave", 1, "") + line("b:1@2", "master", 2, "0-16383"), asked), 2000ms);
  CHECK(v.mark({"a", 1}, 5000ms).empty()); // it follows another: who it will be isn't known
}

TEST_CASE("cluster view: primaries that work are asked first, then what was configured, then the rest") {
  cluster_view v({{"seed", 1}, {"a", 1}}, {5});
  CHECK(v.ask_order().size() == 2);
  v.take(parse_servers(line("r:1@2", "slave", 1, "") + line("a:1@2", "master", 1, "0-16383") +
                           line("f:1@2", "master,fail", 2, ""),
                       asked),
         0ms);
  std::string order;
  for (const auto& each : v.ask_order()) order += each.host + " ";
  CHECK(order == "a seed r ");
}
