#include "game.hpp"

#include <plexus/json.hpp>

#include <algorithm>
#include <cmath>

namespace json = plexus::json;

// Made anew, perhaps on another node: who is a member is known, where they were isn't.
void game::loaded() {
  for (const auto& [client, who] : members()) players_.try_emplace(who.user);
}

void game::on_subscribe(plexus::subscribing& s) {
  if (s.who.user.empty()) return s.refuse(403, "a player needs a name");
  s.reply(json::write("width", width, "height", height));
}

void game::on_join(const plexus::member& who) {
  players_.try_emplace(who.user);
  if (players_.size() == 1) {
    last_ = now();
    set_interval("tick", tick);
  }
}

void game::on_leave(const plexus::member& who) {
  players_.erase(who.user);
  // A room without players has no clock, and can be put aside.
  if (players_.empty()) cancel_timer("tick");
}

// {"dx":-1..1,"dy":-1..1}: where a player wants to go. Not passed on: the others see it with the next tick.
void game::on_publication(plexus::publishing& p) {
  p.take_over();
  if (!p.from) return;
  const auto who = players_.find(p.from->user);
  if (who == players_.end()) return;
  const json::object in(p.data);
  const auto clamped = [&](const char* name) { return std::clamp(in.real(name).value_or(0), -1.0, 1.0); };
  who->second.dx = clamped("dx");
  who->second.dy = clamped("dy");
}

void game::on_timer(std::string_view) {
  const auto seconds =
      std::chrono::duration<double>(std::min<plexus::milliseconds>(now() - last_, 4 * tick)).count();
  last_ = now();
  if (players_.empty()) return cancel_timer("tick");
  std::string all = "{\"players\":{";
  for (auto& [name, p] : players_) {
    p.x = std::clamp(p.x + p.dx * speed * seconds, 0.0, width);
    p.y = std::clamp(p.y + p.dy * speed * seconds, 0.0, height);
    if (all.back() != '{') all += ',';
    json::append_string(all, name);
    all += ":[" + std::to_string(std::lround(p.x)) + ',' + std::to_string(std::lround(p.y)) + ']';
  }
  publish(all += "}}");
}

PLEXUS_PLUGIN(plugin) {
  plugin.actor<game>("game");
}
