#pragma once
// The posts of one loop. Inside actors/extension only; on its loop's thread.

#include "actors/extension/cell.hpp"
#include "actors/extension/host.hpp"
#include "actors/extension/network.hpp"
#include "actors/extension/plugins.hpp"
#include "actors/extension/wire.hpp"
#include "actors/runtime/bucket_walk.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

namespace plexus::extension {

inline constexpr milliseconds short_pause{100};  ///< before it is tried again
inline constexpr milliseconds ask_timeout{1000}; ///< then the lease says who has an actor
inline constexpr milliseconds move_time{2000};   ///< for a node to take what was moved to it
/// What one question or answer between nodes carries before the rest waits for the next.
inline constexpr std::size_t bundle_bytes = 1 << 20, bundle_commands = 500;
/// Unsubscribes of a channel that are kept for an actor that is out of reach, and words for other nodes that are
/// tried again; more are given up and counted.
inline constexpr std::size_t most_leaving = 10'000, most_errands = 10'000;

/// About what it takes in a message.
std::size_t size_of(const ask_body::reply& r);

/// What one loop has of `host::list`.
struct listing {
  std::vector<actor_figures> some;
  std::size_t count = 0;
  runtime::bucket_walk way;
};

class loop_host final : private cell_port {
public:
  loop_host(host& node, runtime::loop& home);
  ~loop_host() override;

  void submit(const std::string& channel, command what, std::function<void(const delivered&)> done);
  void asked(ask_body what, std::function<void(std::string)> respond);
  /// Makes the actor live here, where nobody else has it.
  void wake(const std::string& channel);
  void leave_all(stop_reason why, runtime::task done);
  void move(const std::string& channel, const std::string& to, std::function<void(std::string)> done);
  /// Goes on in the loop's next turns until all are looked at; `done` then.
  void list(listing& to, std::size_t most, const std::function<void()>& done) const;
  [[nodiscard]] std::optional<actor_view> look(const std::string& channel) const;
  void apply(const std::shared_ptr<const config::settings>& settings);
  void alive_changed();

private:
  using clock = runtime::loop::clock;

  struct waiting {
    command what;
    std::function<void(const delivered&)> done;
    clock::time_point until;
    bool given = false; ///< to the cell or another node, which hasn't answered yet
  };
  /// What another node asked and is owed an answer for.
  struct debt {
    std::function<void(std::string)> respond; ///< null: it has its answer and hasn't asked for the rest
    std::set<std::uint64_t> left;             ///< given to the cell
    std::map<std::uint64_t, ask_body::reply> ready;
    std::size_t bytes = 0; ///< of `ready`
  };
  /// Something that a member's node must be told, until it says that it heard it.
  struct errand {
    std::string node;
    std::shared_ptr<const std::string> body;
    clock::time_point until, next;
    bool asking = false;
  };
  struct post {
    std::string channel;
    std::string owner; ///< another node that has the actor, as last heard; empty: not known
    std::deque<waiting> queue;
    std::uint64_t last_number = 0;
    std::map<std::string, member> members; ///< of this node; also those whose subscribe is on its way
    std::set<std::string> entering;        ///< those
    std::shared_ptr<cell> here;
    std::map<std::string, debt> debts; ///< by the asking node
    std::size_t most = 0;              ///< `max_actor_mailbox`; 0: no bound
    bool asking = false;
    std::vector<std::uint64_t> asked; ///< the question's commands
    bool silent = false;              ///< who was asked said nothing: the lease says whether it still has the actor
    clock::time_point pause_until{};
    std::string move_to;
    std::function<void(std::string)> moved;
    clock::time_point given_until{}; ///< to `move_to`: until then this node doesn't take it back
  };
  struct alarm;

  // cell_port
  void replied(const std::string& channel, const commit::reply& what, const protocol::position& at) override;
  void remove(const std::string& channel, const commit::removal& what) override;
  void set_presence(const std::string& channel, const commit::presence& what) override;
  void run_aside(const std::string& channel, std::uint64_t cell, commit::aside what) override;
  void ended(cell& which, cell_end how, const std::string& holder) override;
  void began(cell& which) override;

  post& post_of(const std::string& channel);
  void pump(post& p);
  void pump_later(post& p, std::chrono::milliseconds pause);
  bool make_cell(post& p);
  void give_to_cell(post& p);
  void ask_owner(post& p, const std::string& owner);
  void on_answered(const std::string& channel, const std::string& owner, std::optional<std::string> body);
  void ask_for_the_rest(post& p, const std::vector<ask_body::reply>& had);
  void again(post& p);
  void settle(post& p, std::uint64_t number, const answer& what, const protocol::position& at);
  void pay(post& p, const std::string& to);
  void pay_all(post& p, replies_body::state_of how, const std::string& holder);
  [[nodiscard]] milliseconds patience() const;
  /// Those that wait for too long: true if it is given up.
  bool give_up(post& p, std::size_t which);
  /// `about`: a later word about the same takes its place.
  void tell(std::string about, const std::string& node, std::string body);
  void run_errand(const std::string& about);
  void run_errands();
  /// Who is there of the channel, on each node that is alive now.
  void ask_rosters(cell& of);
  void check_members(cell& of, const std::string& node, const roster_body& there);
  void on_alarm();
  void rest();
  void forget_if_unused(const std::string& channel);

  host& node_;
  runtime::loop& home_;
  std::shared_ptr<const config::settings> settings_;
  std::shared_ptr<bool> living_ = std::make_shared<bool>(true);
  std::unique_ptr<alarm> alarm_;
  std::unordered_map<std::string, post> posts_;
  std::map<std::string, errand> errands_;
  std::uint64_t last_number_ = 0, last_cell_ = 0;
  runtime::task all_left_;
};

} // namespace plexus::extension
