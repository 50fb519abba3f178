#pragma once
// The actor of one channel: a thin shell around `channel` that owns the presence actor beside it.

#include "actors/channel/channel.hpp"
#include "actors/channel/router.hpp"
#include "actors/runtime/pinned_actor.hpp"
#include "presence/presence_actor.hpp"

#include <memory>

namespace plexus::channel {

/// Lives on the loop its name hashes to, from the first message until it is unused for `channel_table::linger`.
class channel_actor final : public runtime::pinned_actor, private channel_port, private presence::observer {
public:
  channel_actor(caf::actor_config& config, runtime::loop& home, channel_table& table, std::string name,
                const config::channel_options& options);
  ~channel_actor() override;
  caf::behavior make_behavior() override;
  void on_exit() override;
  [[nodiscard]] std::string label() const override { return *name_; }

  /// Its place in the table; the table keeps it there until `forget`.
  void bind(channel_table::entry& own) noexcept { entry_ = &own; }
  [[nodiscard]] const channel* state() const noexcept { return channel_.get(); }

  /// What the backplane's listener hears, on this loop. Called straight, not through the mailbox, as the
  /// backplane's answers are: two ways would be two orders.
  void published_elsewhere(const protocol::publication_ptr& what);
  void presence_changed_elsewhere(const backplane::presence_change& change);
  void in_doubt();
  void presence_in_doubt() override;

private:
  struct idle_timer;
  struct doubt_timer;

  // channel_port
  void fan_out_to(unsigned loop, const protocol::broadcast_ptr& what) override;
  void dissolve_on(unsigned loop) override;
  void presence_enter(const protocol::client_info& who) override;
  void presence_leave(const std::string& client, bool clean, bool returns) override;
  void doubt_later() override;
  void ask_actor(extension::command what, std::function<void(const extension::delivered&)> done) override;
  void idle() override;
  void in_use() override;
  // presence::observer
  void joined(const protocol::client_info& who) override;
  void left(const protocol::client_info& who) override;
  void settled(std::uint64_t handled) override;
  void presence_failed() override;

  /// A message came out of the mailbox.
  void handled();
  void retire();
  void forget();
  caf::actor& presence_actor();
  void on_read_presence(presence::members_answer then);

  channel_table& table_;
  channel_table::entry* entry_ = nullptr; ///< null once out of the table
  std::shared_ptr<const std::string> name_;
  std::shared_ptr<channel> channel_;
  caf::actor presence_;                                 ///< made with the first member
  presence::presence_actor* presence_object_ = nullptr; ///< `presence_`; lives until this actor lets it go
  std::uint64_t told_ = 0;                              ///< how many entered and left, to `presence_`
  std::shared_ptr<presence::observer*> observer_;
  std::unique_ptr<idle_timer> idle_timer_;
  std::unique_ptr<doubt_timer> doubt_timer_;
};

} // namespace plexus::channel
