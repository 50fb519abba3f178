#pragma once
// A real Redis Cluster for a test: primaries and their replicas on loopback.

#include "tests/backplane/redis/certificates.hpp"
#include "tests/backplane/redis/server.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace plexus::backplane::redis::testing {

class redis_cluster {
public:
  struct shape {
    unsigned primaries = 3, replicas = 1; ///< replicas of each primary
    unsigned node_timeout_ms = 15'000;    ///< how long one is silent before it is replaced
    std::vector<std::string> arguments{}; ///< for each server
    const certificates* files = nullptr;  ///< TLS with client certificates, for "plexus" with the password "p@ss"
  };
  redis_cluster() : redis_cluster(shape{}) {}
  explicit redis_cluster(const shape& like);

  /// The primaries come first, then their replicas in the same order.
  server& at(std::size_t which) { return *servers_[which]; }
  [[nodiscard]] std::size_t size() const { return servers_.size(); }
  /// Of the first two servers.
  [[nodiscard]] std::string url(const std::string& login = {}, const std::string& scheme = "redis+cluster") const;
  void flush();

  /// Adds a primary without slots and returns its number.
  std::size_t add_primary();
  /// The primary that says that the slot is its own.
  std::size_t owner(std::uint16_t slot);
  /// Moves a slot as redis-cli does, some keys at a time; none may have a space. `half_way` is called once half of
  /// the keys are gone, and again when all are but the servers don't know yet whose the slot is.
  void move_slot(std::uint16_t slot, std::size_t from, std::size_t to, const std::function<void()>& half_way = {});
  /// Waits until all servers that run agree that every slot is served, and the replicas are in step.
  void wait_until_whole();

private:
  void start();
  void meet(server& one);
  std::vector<std::string> arguments_;
  unsigned timeout_;
  std::vector<std::unique_ptr<server>> servers_;
  const certificates* files_;
  std::vector<std::uint16_t> ports_, bus_ports_; ///< of clients, with TLS if there is; of the servers
};

} // namespace plexus::backplane::redis::testing
