#pragma once
// A backplane that answers nothing, for tests that say themselves what it answers; and a listener that hears
// nothing.

#include "backplane/backplane.hpp"

namespace plexus::backplane {

class silent_backplane : public backplane {
public:
  void append(const std::string&, const retention&, draft, answer<appended>) override {}
  void find_key(const std::string&, const std::string&, answer<std::optional<position>>) override {}
  void subscribe(const std::string&, const retention&, answer<position>) override {}
  void unsubscribe(const std::string&) override {}
  void recover(const std::string&, const retention&, const position&, std::size_t, answer<recovery>) override {}
  void history(const std::string&, const retention&, const log_query&, answer<log_page>) override {}
  void remove_history(const std::string&, answer<nothing>) override {}
  void enter(const std::string&, client_info, answer<presence_change>) override {}
  void leave(const std::string&, const std::string&, answer<presence_change>) override {}
  void members(const std::string&, answer<presence_snapshot>) override {}
  void acquire_lease(const std::string&, const std::string&, milliseconds, answer<lease>) override {}
  void release_lease(const std::string&, const std::string&, answer<nothing>) override {}
  void claim_actor(const std::string&, const std::string&, milliseconds, answer<actor_claim>) override {}
  void write_actor(const std::string&, const retention&, actor_write, answer<actor_written>) override {}
  void abandoned_actors(std::size_t, answer<std::vector<std::string>>) override {}
  void put_notice(notice, answer<nothing>) override {}
  void drop_notice(const std::string&, answer<nothing>) override {}
  [[nodiscard]] const std::string& uid() const override { return id_; }
  void peers(answer<std::vector<peer>>) override {}
  void send(const std::string&, std::string, answer<nothing>) override {}
  [[nodiscard]] health check() const override { return {}; }
  void tick() override {}

private:
  std::string id_ = "node";
};

struct deaf_listener : listener {
  void published(const std::string&, publication_ptr) override {}
  void presence_changed(const std::string&, const presence_change&) override {}
  void in_doubt(const std::string&) override {}
  void presence_in_doubt(const std::string&) override {}
};

} // namespace plexus::backplane
