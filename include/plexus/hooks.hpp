#pragma once
// Hooks look at what clients ask, on the node where the client is, before the engine does it: to refuse it, change
// it or add something to the answer. They have no state of their own in the cluster; where you need one, write a
// channel actor (plexus/channel_actor.hpp).
//
// One object of your class serves a node. Its functions are called on the loops' threads, several at once: they
// must be safe for that, and must not wait for anything. One that throws refuses what was asked with error 100 (a
// join or leave goes on), is counted and logged.
//
// Only what is overridden and registered is called: a node without hooks pays nothing, and none is called for each
// subscriber of a publication.

#include <plexus/channel_actor.hpp>
#include <plexus/plugin.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace plexus {

/// Who asks.
struct caller {
  std::string_view client; ///< the connection's id
  std::string_view user;
  std::string_view info; ///< JSON text or empty
};

/// A client connects; its token is good. Refused, the connection is closed with the code (3000 to 4999,
/// docs/what-happens-when.md; else 3507 is taken).
struct connecting : request {
  std::string user; ///< of the token; may be changed
  std::string info; ///< JSON text or empty, what others see; may be changed
  std::string_view data;
  std::string reply{};                 ///< JSON text for the connect reply
  std::vector<std::string> channels{}; ///< subscribed by the server, beside those of the token
};
/// A client subscribes by itself; it has the right to. A channel's actor is asked afterwards.
struct entering : request {
  caller who;
  std::string_view channel;
  std::string_view data;
  std::string reply{}; ///< JSON text for the subscribe reply; an actor's reply replaces it
};
/// A client publishes; it has the right to.
struct sending : request {
  caller who;
  std::string_view channel;
  std::string data; ///< may be changed; JSON text unless `binary`
  bool binary = false;
};
/// An RPC of a method that isn't the engine's. Answered here, it goes no further; else it goes to the channel actor
/// that it names.
struct asking : request {
  caller who;
  std::string_view method;
  std::string_view data;
  void answer(std::string json) {
    reply = std::move(json);
    answered = true;
  }
  std::string reply{};
  bool answered = false;
};

class hooks {
public:
  hooks() = default;
  hooks(const hooks&) = delete;
  hooks& operator=(const hooks&) = delete;
  virtual ~hooks() = default;
  virtual void on_connect(connecting&) {}
  virtual void on_subscribe(entering&) {}
  virtual void on_publish(sending&) {}
  virtual void on_rpc(asking&) {}
  /// A client of this node has the channel now, however it came to it.
  virtual void on_join(const caller&, std::string_view /*channel*/) {}
  virtual void on_leave(const caller&, std::string_view /*channel*/) {}
};

} // namespace plexus
