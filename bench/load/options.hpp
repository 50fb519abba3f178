#pragma once
// The command line: `plexus_load PHASE --name value ...`.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace plexus::bench {

struct options {
  std::string phase;
  std::uint16_t port = 0;
  std::vector<std::uint16_t> ports; ///< `roll`, `spread`: of several nodes of a cluster; `port` is the first
  pid_t server = 0;                 ///< whose CPU time is read; 0: nobody's
  std::vector<pid_t> others;        ///< `spread`: processes whose CPU time is read besides
  std::size_t connections = 0;      ///< in all; for `fanout` the subscribers
  std::size_t at_once = 2000;       ///< `connect`: open together before they are closed
  std::size_t in_flight = 64;       ///< dials under way together
  std::size_t outstanding = 1;      ///< publications under way
  std::size_t publishers = 1;       ///< `spread`: connections that publish; 0: the subscribers do
  std::size_t data_size = 64;       ///< bytes of a publication's data
  std::size_t missed = 0;           ///< `crowd`, `history`: publications that each recovers or reads
  std::size_t batch = 1;            ///< `api`: publications a request
  std::string key;                  ///< `api`: X-API-Key
  std::uint64_t publications = 0;  ///< `fanout`, `mixed`: so many, for counting, instead of `seconds`; 0: no number
  double rate = 0;                 ///< publications a second, however many are under way; 0: `outstanding` says
  double seconds = 3;              ///< `fanout`: how long to measure
  double timeout = 120;            ///< for the whole phase, without what `hold` holds
  std::uint64_t channels = 1;      ///< connections are spread over so many; 0: each has its own
  unsigned sources = 64;           ///< loopback addresses to dial from, since one has only 28,000 ports
  bool socket_io = false;          ///< the same texts as events of a Socket.IO server
  bool protobuf = false;           ///< speak Protobuf: `fanout`, `mixed`, `hold`, `connect`, `churn`, `spread`
  bool tls = false;                ///< TLS 1.3
  bool resume = false;             ///< with `tls`: each connection with a ticket from an earlier one
  bool two_step = false;           ///< subscribe only after the reply to connect
  std::vector<std::string> tokens; ///< used in turn; empty: none is sent
};

/// Throws std::runtime_error with a sentence for what can't be understood.
options parse_options(int count, char** words);

} // namespace plexus::bench
