#pragma once
// What the hosts of two nodes say to each other: written by `state_writer`, with a letter in front.

#include "actors/extension/instance.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::extension {

/// A question to a node about one channel.
struct ask_body {
  enum class kind : char {
    commands = 'c', ///< run these; answered by `replies_body`
    late = 'l',     ///< answers to commands that were put off (`replies`); answered by nothing, as the next ones
    roster = 'r',   ///< who of yours is in the channel? answered by `roster_body`
    wake = 'w',     ///< live there; nothing is answered
    remove = 'u',   ///< end this member's subscription
    presence = 'p', ///< change this member's presence state
  };
  kind what = kind::commands;
  std::string channel, origin;
  std::uint64_t acked = 0;
  std::vector<command> commands;
  member who;             ///< remove, presence
  std::uint16_t code = 0; ///< remove
  std::string json;       ///< presence
  struct reply {
    std::uint64_t number = 0;
    answer what;
    std::string epoch;
    std::uint64_t offset = 0;
    template <class S>
    void state(S& s) {
      s(number, what, epoch, offset);
    }
  };
  std::vector<reply> replies; ///< late
};

struct replies_body {
  enum class state_of : char {
    done = 'd',      ///< `replies` has them, or as many as fit a message: ask for the rest
    moved = 'm',     ///< `holder` has the actor
    again = 'a',     ///< not now; ask whoever should have it
    unreadable = 'u' ///< this node can't read what is kept: another one may
  };
  state_of how = state_of::done;
  std::string holder;
  std::vector<ask_body::reply> replies;
};

struct roster_body {
  std::vector<member> members;
  std::vector<std::string> entering; ///< clients whose subscribe is on its way
};

std::string write(const ask_body& what);
std::string write(const replies_body& what);
std::string write(const roster_body& what);
/// Nothing where the bytes make no sense: the other node is of another version.
std::optional<ask_body> read_ask(std::string_view bytes);
std::optional<replies_body> read_replies(std::string_view bytes);
std::optional<roster_body> read_roster(std::string_view bytes);

} // namespace plexus::extension
