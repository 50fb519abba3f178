#pragma once
// What a channel actor is asked, and what comes back. Standard library alone.

#include <plexus/channel_actor.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace plexus::extension {

/// What a caller gets.
struct answer {
  std::uint16_t code = 0; ///< 0: done
  std::string message;    ///< with a code
  std::string data;       ///< JSON text or empty
  bool later = false;     ///< not yet: the actor will answer by the ticket
  bool published = false; ///< a publish: it has a position of its own
  bool anew = false;      ///< as it is kept: the data was too large for that, and is asked for anew
  template <class S>
  void state(S& s) {
    s(code, message, data, later, published, anew);
  }
};

struct command {
  enum class kind : std::uint8_t {
    subscribe,
    found, ///< a member of which the node says that it is there, after a rebuild
    unsubscribe,
    publish,
    call,
    aside ///< `run_aside` is done: verb is its name, data the value, message the error
  };
  kind what = kind::call;
  /// Who answers for this command, and its number there, which rises; 0: nobody waits, and it is not remembered.
  std::string origin;
  std::uint64_t number = 0;
  std::uint64_t acked = 0; ///< all numbers of this origin up to here have been answered and won't be asked again
  std::string key;         ///< the client's idempotency key, made unique for it; empty: none
  member who;              ///< client empty: the back end
  std::string verb, data, message;
  std::string channel_info; ///< of the client in this channel
  bool binary = false;      ///< `data` isn't JSON
  bool clean = true;
  end_reason why = end_reason::unsubscribed;
  std::vector<std::pair<std::string, std::string>> tags;
  bool skip_history = false;
  template <class S>
  void state(S& s) {
    s(what, number, key, who.client, who.user, who.info, who.node, verb, data, message, channel_info, binary, clean,
      why, tags, skip_history);
  }
};

} // namespace plexus::extension
