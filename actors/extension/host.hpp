#pragma once
// The channel actors of a node, as the rest of it sees them: commands go in on any loop, answers come out on the
// channel's loop, wherever in the cluster the actor lives.
//
// For each channel with an actor that this node has to do with there is a `post` on the channel's loop: the
// commands on their way and this node's members. If the actor is here, the post has its `cell`; else commands go to
// the node that has it, in order, many at once. Each has a number, kept with what it did, so it may be given again
// after any doubt and is still done once.

#include "actors/extension/delivered.hpp"
#include "actors/runtime/runtime.hpp"
#include "backplane/backplane.hpp"
#include "config/settings.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::extension {

/// What an actor asks of the rest of its members' node. Called on the channel's loop.
class surroundings {
public:
  virtual ~surroundings() = default;
  virtual void unsubscribe(const std::string& channel, const member& who, std::uint16_t code) = 0;
  virtual void set_presence(const std::string& channel, const member& who, const std::string& json) = 0;
};

/// One actor that lives here; for inspection.
struct actor_figures {
  std::string channel, actor;
  std::uint64_t commands = 0;
  std::size_t members = 0;
  milliseconds lease_left{0};    ///< if it isn't renewed
  std::uint64_t lease_token = 0; ///< what it writes under: rises with each owner
};

/// One in full.
struct actor_view {
  static constexpr std::size_t max_state = 65'536, most_members = 100;
  actor_figures figures;
  unsigned loop = 0;
  std::string state;           ///< what the class shows of it: JSON text, or empty
  std::string fault;           ///< it threw instead, or shows more than `max_state`
  std::size_t state_bytes = 0; ///< of what is kept
  std::size_t timers = 0;
  std::size_t waiting = 0; ///< commands that aren't answered
  std::vector<member> members;
};

class aside_pool;
class loop_host;
class network;
class plugins;

struct host_setup {
  runtime::runtime& loops;
  backplane::backplane& plane;
  const plugins& code;
  surroundings& around;
  std::shared_ptr<const config::settings> settings;
  std::string uid;           ///< of this node
  network* others = nullptr; ///< null: a node on its own
  /// A command is given up when its actor was out of reach for a lease and this.
  std::chrono::milliseconds beyond_lease{5000};
};

/// One a node. Made before the loops start, destroyed after they ended.
class host {
public:
  explicit host(const host_setup& with);
  ~host();
  host(const host&) = delete;
  host& operator=(const host&) = delete;

  /// Hands a command to the channel's actor. `done` is called once, on the channel's loop; code 100 when the actor
  /// was out of reach for longer than a lease and a while. Commands of one loop to one channel are run in order.
  /// Any loop.
  void submit(std::string_view channel, command what, std::function<void(const delivered&)> done);

  /// On loop 0, once everything is connected: begins to look after actors of nodes that are gone.
  void start();
  /// On loop 0: what was left behind by others, and who is alive.
  void tick();
  /// Hands all actors over, where there is another node, and takes no new ones. `done` on loop 0.
  void drain(runtime::task done);
  /// The drain was called off: takes new ones again. Any thread.
  void stay() { draining_ = false; }
  /// Gives all back without a successor: the node ends. `done` on loop 0.
  void let_go(runtime::task done);
  /// Moves one actor that lives here to another node; `done` on the calling loop with an empty string or why not.
  /// Any loop.
  void move(const std::string& channel, const std::string& to_uid, std::function<void(std::string)> done);
  /// Those that live here: `most` of them, and how many there are. Each loop looks in slices, for which no client
  /// waits. Any loop; `done` on the calling one.
  void list(std::size_t most, std::function<void(const std::vector<actor_figures>& some, std::size_t all)> done);
  /// The one of this channel, if it lives here. Any loop; `done` on the calling one.
  void look(const std::string& channel, std::function<void(const std::optional<actor_view>&)> done);
  void apply(const std::shared_ptr<const config::settings>& settings);

  /// A question of another node: `respond` once. Any loop.
  void asked(std::string_view body, std::function<void(std::string)> respond);

  /// Whether a plugin has an actor of that name.
  [[nodiscard]] bool knows(std::string_view actor) const;
  /// Where the channel's actor should live, of the nodes that are alive.
  [[nodiscard]] std::string preferred(std::string_view channel) const;

private:
  friend class loop_host;
  struct look_again;
  [[nodiscard]] loop_host& of(std::string_view channel);
  [[nodiscard]] bool alive(const std::string& uid) const;
  void everywhere(bool to_others, runtime::task done);
  void on_alive(std::vector<std::string> nodes);
  /// Asks again who is alive; `then` on loop 0 when a list came that was asked for after the call, or can't be had.
  void refresh(runtime::task then);
  void ask_alive();
  void look();
  void rescue(const std::vector<std::string>& channels);
  void not_now(const std::string& channel, milliseconds lease);

  host_setup with_;
  std::vector<std::unique_ptr<loop_host>> on_loop_;
  std::unique_ptr<aside_pool> asides_;
  std::unique_ptr<look_again> next_look_;
  mutable std::mutex lock_;
  std::vector<std::string> alive_;       ///< guarded; sorted
  std::vector<runtime::task> refreshed_; ///< guarded; wait for the next list
  bool refreshing_ = false;              ///< guarded
  std::atomic<bool> draining_{false}, ending_{false};
};

} // namespace plexus::extension
