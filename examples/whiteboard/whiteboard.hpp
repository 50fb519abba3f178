#pragma once
// A shared drawing. Everybody draws strokes and moves them; whoever comes gets the whole board, and after that only
// what changes. The board may grow large, so it keeps its changes and not itself: `apply` alone touches the
// strokes.

#include <plexus/channel_actor.hpp>

#include <cstdint>
#include <map>
#include <string>

struct stroke {
  std::string by, shape; ///< `shape` is the page's JSON
  std::uint64_t version = 0;
  template <class S>
  void state(S& s) {
    s(by, shape, version);
  }
};

class whiteboard : public plexus::logged_channel_actor {
public:
  static constexpr std::size_t max_strokes = 5000;

  void apply(std::string_view change) override;
  void on_subscribe(plexus::subscribing& s) override;
  void on_publication(plexus::publishing& p) override;
  void on_call(plexus::call& c) override;

private:
  /// Changes the board and tells everybody.
  void change(std::string what);

  std::map<std::string, stroke, std::less<>> strokes_;
  std::uint64_t version_ = 0;
  PLEXUS_STATE(strokes_, version_)
};
