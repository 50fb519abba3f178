#pragma once
// What a node knows of a Redis Cluster: its servers, whose each slot is, and who the servers were when they were
// met. Views of different servers contradict each other while something happens; the owner with the higher
// configuration epoch is the later one. Pure, time comes as an argument. Owner: the Cluster's locator.

#include "backplane/backplane.hpp"
#include "backplane/redis/address.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plexus::backplane::redis {

struct cluster_server {
  endpoint where;
  std::string ip; ///< where `where` has a name: what redirections may say instead
  bool primary = false, failed = false;
  std::uint64_t epoch = 0;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> slots; ///< from and to, both included
};

/// The lines of CLUSTER NODES; `asked` is who said so, since it may not know its own address. Lines that make no
/// sense are left out.
[[nodiscard]] std::vector<cluster_server> parse_servers(std::string_view text, const endpoint& asked);

class cluster_view {
public:
  /// An owner that no view has confirmed for so long may be replaced by one of a lower epoch: the Cluster was made
  /// anew.
  static constexpr milliseconds forgotten_after{5000};

  /// `seeds`: the configured servers; `slots`: those that matter.
  cluster_view(std::vector<endpoint> seeds, const std::vector<std::uint16_t>& slots);

  /// A server's view. False when in it nobody has a slot: that server is in no Cluster.
  bool take(std::vector<cluster_server> servers, milliseconds now);
  /// "MOVED slot host:port", said by `by`.
  void moved(std::string_view error, const endpoint& by, milliseconds now);

  struct place {
    endpoint where;
    bool failed = false; ///< the Cluster says so, and no replica has taken over yet
  };
  [[nodiscard]] std::optional<place> owner(std::uint16_t slot) const;
  /// Whom to ask, in turn: primaries that work, then what was configured, then the rest.
  [[nodiscard]] std::vector<endpoint> ask_order() const;

  /// A server was met and said who it is.
  void met(const endpoint& where, std::string_view mark, milliseconds now);
  /// Who it was, if that was known before `before` and nothing else was heard since. Empty: not known.
  [[nodiscard]] std::string mark(const endpoint& where, milliseconds before) const;
  /// A primary whose mark isn't known.
  [[nodiscard]] std::optional<endpoint> stranger() const;
  [[nodiscard]] std::size_t primaries() const;

private:
  struct claim {
    endpoint where;
    std::uint64_t epoch = 0;
    milliseconds confirmed{0};
  };
  struct mark_seen {
    std::string mark;
    milliseconds since{0};
  };
  std::vector<endpoint> seeds_;
  std::vector<cluster_server> servers_;
  std::map<std::uint16_t, claim> slots_;
  std::map<std::string, mark_seen> marks_;
};

} // namespace plexus::backplane::redis
