// The suite that every backplane passes, on Redis reached in the ways there are. PLEXUS_TEST_REDIS says which:
// "tls" (with a password and a client certificate), "sentinel", "cluster" (three primaries, three replicas), or
// anything else for a plain connection.

#include "tests/backplane/contract.hpp"
#include "tests/backplane/redis/certificates.hpp"
#include "tests/backplane/redis/cluster.hpp"
#include "tests/backplane/redis/redis_cluster.hpp"

#include <cstdlib>

using namespace plexus::backplane::redis::testing;
using plexus::backplane::redis::tls_settings;

namespace {

std::string way() {
  const char* set = std::getenv("PLEXUS_TEST_REDIS");
  return set ? set : "";
}

struct place {
  std::unique_ptr<server> redis, sentinel;
  std::unique_ptr<redis_cluster> many;
  std::unique_ptr<certificates> files;
  std::string url;
  tls_settings tls;
  unsigned partitions = 1;

  server& any() { return many ? many->at(0) : *redis; }
};

place& the_place() {
  static place made = [] {
    place p;
    if (way() == "cluster") {
      p.many = std::make_unique<redis_cluster>();
      p.url = p.many->url();
      p.partitions = 12;
      return p;
    }
    if (way() == "tls") {
      p.files = std::make_unique<certificates>();
      const auto& f = *p.files;
      const auto port = std::to_string(free_port());
      p.redis = std::make_unique<server>(std::vector<std::string>{
          "--tls-port", port, "--tls-ca-cert-file", f.ca(), "--tls-cert-file", f.certificate(), "--tls-key-file",
          f.key(), "--tls-auth-clients", "yes", "--user", "plexus", "on", ">p@ss", "~plexus:*", "+@all"});
      p.url = "rediss://plexus:p%40ss@127.0.0.1:" + port + "/2";
      p.tls = {f.ca(), f.certificate(), f.key(), "redis.test"};
    } else {
      p.redis = std::make_unique<server>();
      p.url = "redis://" + p.redis->address();
    }
    if (way() == "sentinel") {
      p.sentinel = server::sentinel_of(*p.redis);
      p.url = "redis+sentinel://" + p.sentinel->address() + "/main/1";
    }
    return p;
  }();
  if (made.many)
    made.many->flush();
  else
    made.redis->ask({"FLUSHALL"});
  return made;
}

class anywhere final : public cluster {
public:
  anywhere() : cluster(the_place().any(), quick(), the_place().url, the_place().partitions, the_place().tls) {}
};

} // namespace

PLEXUS_BACKPLANE_CONTRACT("redis", anywhere)
