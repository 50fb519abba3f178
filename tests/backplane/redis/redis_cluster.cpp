#include "tests/backplane/redis/redis_cluster.hpp"

#include <algorithm>
#include <chrono>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace plexus::backplane::redis::testing {

namespace {

constexpr unsigned all_slots = 16'384;

template <class Condition>
void wait_for(const char* what, const Condition& holds) {
  for (int i = 0; i < 1500; ++i) {
    if (holds()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error(std::string("the Cluster: ") + what);
}

bool says(server& whom, const std::vector<std::string>& question, const std::string& text) {
  return whom.ask(question).find(text) != std::string::npos;
}

std::string id(server& of) {
  return of.ask({"CLUSTER", "MYID"});
}

} // namespace

redis_cluster::redis_cluster(const shape& like) :
    arguments_(like.arguments), timeout_(like.node_timeout_ms), files_(like.files) {
  const auto all = like.primaries * (1 + like.replicas);
  for (unsigned i = 0; i < all; ++i) start();
  for (unsigned i = 0; i < like.primaries; ++i) {
    const auto from = i * all_slots / like.primaries, to = (i + 1) * all_slots / like.primaries - 1;
    at(i).ask({"CLUSTER", "ADDSLOTSRANGE", std::to_string(from), std::to_string(to)});
  }
  for (unsigned i = 0; i < all; ++i) {
    at(i).ask({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    if (i > 0) meet(at(i));
  }
  wait_for("its servers don't find each other", [&] {
    return std::all_of(servers_.begin(), servers_.end(), [&](auto& each) {
      return says(*each, {"CLUSTER", "INFO"}, "cluster_known_nodes:" + std::to_string(all)) &&
             !says(*each, {"CLUSTER", "NODES"}, "handshake");
    });
  });
  for (unsigned i = like.primaries; i < all; ++i)
    wait_for("a replica finds no primary", [&] {
      return at(i).ask({"CLUSTER", "REPLICATE", id(at(i % like.primaries))}) == "OK";
    });
  wait_until_whole();
}

void redis_cluster::start() {
  bus_ports_.push_back(free_port());
  std::vector<std::string> words{"--cluster-enabled",
                                 "yes",
                                 "--cluster-port",
                                 std::to_string(bus_ports_.back()),
                                 "--cluster-node-timeout",
                                 std::to_string(timeout_),
                                 "--cluster-replica-validity-factor",
                                 "0",
                                 "--repl-diskless-sync-delay",
                                 "0"};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  ports_.push_back(free_port());
  if (files_)
    for (const auto& each : {std::string("--tls-port"),
                             std::to_string(ports_.back()),
                             std::string("--tls-cluster"),
                             std::string("yes"),
                             std::string("--tls-replication"),
                             std::string("yes"),
                             std::string("--tls-ca-cert-file"),
                             files_->ca(),
                             std::string("--tls-cert-file"),
                             files_->certificate(),
                             std::string("--tls-key-file"),
                             files_->key(),
                             std::string("--tls-auth-clients"),
                             std::string("yes"),
                             std::string("--user"),
                             std::string("plexus"),
                             std::string("on"),
                             std::string(">p@ss"),
                             std::string("~plexus:*"),
                             std::string("+@all")})
      words.push_back(each);
  servers_.push_back(std::make_unique<server>(words));
  if (!files_) ports_.back() = servers_.back()->port();
}

void redis_cluster::meet(server& one) {
  one.ask({"CLUSTER", "MEET", "127.0.0.1", std::to_string(ports_[0]), std::to_string(bus_ports_[0])});
}

std::string redis_cluster::url(const std::string& login, const std::string& scheme) const {
  const auto place = [this](std::size_t i) { return "127.0.0.1:" + std::to_string(ports_[i]); };
  return scheme + "://" + login + place(0) + "," + place(1);
}

void redis_cluster::flush() {
  for (auto& each : servers_) each->ask({"FLUSHALL"});
}

std::size_t redis_cluster::add_primary() {
  start();
  meet(*servers_.back());
  wait_for("a new server isn't known to all", [&] {
    const auto name = id(*servers_.back());
    return std::all_of(
               servers_.begin(), servers_.end(),
               [&](auto& each) {
                 return says(*each, {"CLUSTER", "NODES"}, name) && !says(*each, {"CLUSTER", "NODES"}, "handshake");
               }) &&
           says(*servers_.back(), {"CLUSTER", "INFO"}, "cluster_state:ok");
  });
  return servers_.size() - 1;
}

std::size_t redis_cluster::owner(std::uint16_t slot) {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (!servers_[i]->running()) continue;
    // "<from> <to> <host> <port> <id> ..." of each range, flat.
    std::istringstream nodes(servers_[i]->ask({"CLUSTER", "NODES"}));
    for (std::string line; std::getline(nodes, line);) {
      if (line.find("myself,master") == std::string::npos) continue;
      std::istringstream words(line);
      std::string word;
      for (int skipped = 0; skipped < 8; ++skipped) words >> word;
      while (words >> word) {
        if (word.front() == '[') continue;
        const auto dash = word.find('-');
        const auto from = std::stoul(word),
                   to = dash == std::string::npos ? from : std::stoul(word.substr(dash + 1));
        if (from <= slot && slot <= to) return i;
      }
    }
  }
  throw std::runtime_error("the Cluster: nobody has the slot");
}

void redis_cluster::move_slot(std::uint16_t slot, std::size_t from, std::size_t to,
                              const std::function<void()>& half_way) {
  const auto number = std::to_string(slot);
  auto &source = at(from), &target = at(to);
  target.ask({"CLUSTER", "SETSLOT", number, "IMPORTING", id(source)});
  source.ask({"CLUSTER", "SETSLOT", number, "MIGRATING", id(target)});
  const auto keys = source.number({"CLUSTER", "COUNTKEYSINSLOT", number});
  for (long long moved = 0;; ++moved) {
    if (half_way && moved == keys / 2) half_way();
    // Some end by themselves meanwhile, so the count is no guide.
    std::istringstream names(source.ask({"CLUSTER", "GETKEYSINSLOT", number, half_way ? "1" : "100"}));
    std::vector<std::string> command{"MIGRATE", "127.0.0.1", std::to_string(target.port()), "", "0",
                                     "5000",    "KEYS"};
    const auto words = command.size();
    for (std::string key; names >> key;) command.push_back(key);
    if (command.size() == words) break;
    source.ask(command);
  }
  if (half_way) half_way();
  for (auto* each : {&target, &source}) each->ask({"CLUSTER", "SETSLOT", number, "NODE", id(target)});
}

void redis_cluster::wait_until_whole() {
  wait_for("not whole", [&] {
    return std::all_of(servers_.begin(), servers_.end(), [](auto& each) {
      if (!each->running()) return true;
      if (!says(*each, {"CLUSTER", "INFO"}, "cluster_state:ok")) return false;
      const auto info = each->ask({"INFO", "replication"});
      return info.find("role:master") != std::string::npos ||
             info.find("master_link_status:up") != std::string::npos;
    });
  });
}

} // namespace plexus::backplane::redis::testing
