#pragma once
// A room in which players move: 30 times a second everybody gets where everybody is. The clients say where they
// want to go; the room alone decides where they are. Positions are worth nothing a moment later, so nothing of them
// is kept: the namespace delivers the latest only, and after its node's death the room begins with those who are
// still there.

#include <plexus/channel_actor.hpp>

#include <map>
#include <string>

class game : public plexus::channel_actor {
public:
  static constexpr std::chrono::milliseconds tick{33};
  static constexpr double speed = 200, width = 1000, height = 600; ///< units a second; units

  void loaded() override;
  void on_subscribe(plexus::subscribing& s) override;
  void on_join(const plexus::member& who) override;
  void on_leave(const plexus::member& who) override;
  void on_publication(plexus::publishing& p) override;
  void on_timer(std::string_view name) override;

private:
  struct player {
    double x = width / 2, y = height / 2, dx = 0, dy = 0;
  };
  std::map<std::string, player, std::less<>> players_; ///< by user
  plexus::time_point last_{};
  PLEXUS_NO_STATE
};
