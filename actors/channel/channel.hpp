#pragma once
// What a channel decides, without actors or I/O: position, who is joining, what is emitted to which loops.
// `channel_actor` is the thin shell around it.

#include "actors/channel/messages.hpp"
#include "actors/channel/traffic.hpp"
#include "actors/extension/delivered.hpp"
#include "actors/protocol/broadcast.hpp"
#include "actors/runtime/token_bucket.hpp"
#include "config/settings.hpp"

#include <deque>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace plexus::channel {

/// What a channel needs done; implemented by its actor.
class channel_port {
public:
  virtual ~channel_port() = default;
  virtual void fan_out_to(unsigned loop, const protocol::broadcast_ptr& what) = 0;
  /// Tell the loop that its subscribers have lost the channel (code 2500).
  virtual void dissolve_on(unsigned loop) = 0;
  virtual void presence_enter(const protocol::client_info& who) = 0;
  /// `returns`: the channel sent it away (2500), it subscribes again by itself.
  virtual void presence_leave(const std::string& client, bool clean, bool returns) = 0;
  /// Members may have changed unseen: read them again.
  virtual void presence_in_doubt() = 0;
  /// Call `on_in_doubt` again after a while: the backplane could not answer.
  virtual void doubt_later() = 0;
  /// Hands a command to the channel's actor; `done` is called on this loop, once.
  virtual void ask_actor(extension::command what, std::function<void(const extension::delivered&)> done) = 0;
  /// Nothing keeps the channel any more: it may end after a short time without use.
  virtual void idle() = 0;
  /// The opposite.
  virtual void in_use() = 0;
};

/// Owned by its actor, on its loop. Backplane answers hold it weakly, so it may go while they are on their way.
class channel : public std::enable_shared_from_this<channel> {
public:
  channel(std::shared_ptr<const std::string> name, const config::channel_options& options, unsigned loops,
          backplane::backplane& plane, channel_port& port);

  void on_subscribe(subscribe m);
  void on_unsubscribe(const unsubscribe& m);
  void on_publish(publish m);
  void on_history(read_history m);
  void on_remove_history(remove_history m);
  void on_published_elsewhere(const protocol::publication_ptr& what);
  /// Something may be missing: reads on from the last position. Asked while it reads, it reads once more.
  void on_in_doubt();
  void set_options(const config::channel_options& options) { options_ = options; }

  /// Emits a join or leave to subscribers that get them.
  void announce(protocol::push what);
  /// Presence has done all that it was told.
  void presence_settled();
  /// Gives up the occupancy; the actor ends.
  void close();

  /// For inspection. Publications and bytes are those that this node showed to its subscribers or appended.
  struct facts {
    protocol::position top;   ///< of what was emitted here; empty without history or subscribers
    bool occupied = false;    ///< this node hears what others append
    bool catching_up = false; ///< a hole is being read from the log
    std::size_t joining = 0;  ///< subscribers whose answer is on its way
    std::uint64_t publications = 0, bytes = 0;
    double per_second = 0; ///< of the last whole second
  };
  [[nodiscard]] facts about(steady_clock::time_point now) const;
  [[nodiscard]] const std::vector<std::uint32_t>& by_loop() const noexcept { return on_loop_; }

  [[nodiscard]] bool is_idle() const noexcept;
  /// What others do with it reaches this node.
  [[nodiscard]] bool occupied() const noexcept { return occupancy_ == occupancy::held; }
  [[nodiscard]] std::size_t subscribers() const noexcept { return total_; }
  [[nodiscard]] const std::string& name() const noexcept { return *name_; }
  [[nodiscard]] const config::channel_options& options() const noexcept { return options_; }

private:
  /// A subscriber whose missed publications are being read. What is emitted meanwhile is kept for it.
  struct joiner {
    subscribe request;
    std::vector<protocol::publication_ptr> meanwhile;
    bool asked = false;    ///< the channel's actor has heard of it
    bool admitted = false; ///< and has said yes; `began` is where the channel was when it was asked
    std::string data{};    ///< its reply
    protocol::position began{};
  };
  enum class occupancy { none, asked, held };

  [[nodiscard]] backplane::retention keep() const noexcept;
  [[nodiscard]] bool has_presence() const noexcept;
  void occupy();
  void begin(subscribe m);
  [[nodiscard]] bool has_actor() const noexcept { return !options_.actor.empty(); }
  // channel_custom.cpp: channels with an actor
  void ask_to_join(subscribe m);
  void on_admitted(std::list<joiner>::iterator who, const extension::delivered& what);
  void join_admitted(std::list<joiner>::iterator who, const protocol::position& heard);
  void tell_gone(const protocol::client_info& who, bool clean, plexus::end_reason why);
  void publish_by_actor(publish m);
  void recover(std::list<joiner>::iterator who);
  void on_recovery(std::list<joiner>::iterator who, outcome<backplane::recovery> answer);
  [[nodiscard]] subscriber_kind kind_of(const subscribe& m) const noexcept;
  bool cross(subscribe& m);
  void enter(subscribe& m, subscribed result);
  void emit(const protocol::publication_ptr& what, steady_clock::time_point accepted);
  void fan_out(const protocol::broadcast_ptr& what);
  void on_filled(outcome<backplane::recovery> answer);
  // channel_about.cpp; while somebody watches
  void trace_append(const outcome<backplane::appended>& answer) const;
  void trace_enter(const protocol::client_info& who, const subscribed& how) const;
  void trace_decision(std::string_view kind, const protocol::client_info* who, std::string_view why,
                      std::uint64_t number) const;
  /// The log can't be trusted: everyone subscribes again.
  void lose_all();
  void check_idle();

  std::shared_ptr<const std::string> name_;
  config::channel_options options_;
  backplane::backplane& plane_;
  channel_port& port_;

  occupancy occupancy_ = occupancy::none;
  protocol::position top_;        ///< of what was emitted here
  std::deque<subscribe> waiting_; ///< for the occupancy
  std::list<joiner> joining_;
  std::vector<std::uint32_t> on_loop_;                ///< subscribers by loop
  std::unordered_map<std::string, unsigned> entered_; ///< client ids and their loops
  std::size_t total_ = 0;
  traffic traffic_;
  runtime::token_bucket publications_; ///< for `publications_per_second`
  std::size_t under_way_ = 0;          ///< backplane calls that must be answered before the channel may end
  bool has_members_ = false;           ///< of this node, or may have
  bool has_deltas_ = false;            ///< a subscriber gets deltas, or one did
  protocol::publication_ptr last_; ///< with `has_deltas_`: what was fanned out last; the next delta starts from it
  bool filling_ = false;           ///< a hole is being read from the log
  bool again_ = false;             ///< and must be once more: there was doubt, or more came than `behind_` holds
  /// Where the log was when its epoch changed and all of it lived on: most subscribers come again from exactly
  /// there, and needn't ask the backplane each. `since` has what came after; dropped once that is more than
  /// `history_size`.
  struct bridge {
    protocol::position from;
    std::string epoch;
    std::vector<protocol::publication_ptr> since;
  };
  std::optional<bridge> bridge_;
  std::vector<protocol::publication_ptr> behind_; ///< came while a hole was being filled; at most `history_size`
};

} // namespace plexus::channel
