#pragma once
// One object of a user's class and all that is kept for it: its state, members, timers, and which commands it has
// answered. Decides without I/O: commands and time come in, a commit comes out, which its owner has the store write
// before anybody hears of it. Standard library alone, since the test kit is this too.
//
// What is kept is a list of small facts ("member joined", "timer set", "state is"). A commit adds facts to the log,
// or replaces the log by the facts of everything (a snapshot); rebuilding reads both the same way. A handler that
// throws is undone by rebuilding the object from the last bytes: the same path as after a node's death, so it can't
// differ from it, and it costs nothing while nobody throws.

#include "actors/extension/command.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plexus::extension {

using detail::make_actor;

/// What one commit has beside the facts.
struct commit {
  struct publication {
    std::string data;
    bool binary = false;
    std::optional<member> from;
    std::string channel_info;
    std::vector<std::pair<std::string, std::string>> tags;
    std::string key;
    bool own_key = false; ///< nobody gave it: it is there to find the place again after the node's death
    bool keep = true;
  };
  struct reply {
    std::string origin;
    std::uint64_t number = 0;
    extension::answer what;
    /// Publications of this commit that were made before the command was run; its own, if it made one, stands
    /// there.
    std::size_t before = 0;
    std::string key{}; ///< a publish that was made under this key before: the store knows where it is
    bool late = false; ///< of a call that was put off
  };
  struct removal {
    member who;
    std::uint16_t code = 2000;
  };
  struct presence {
    member who;
    std::string json;
  };
  struct aside {
    std::string name;
    std::function<std::string()> work;
  };
  std::string facts;     ///< empty: nothing new is kept
  bool snapshot = false; ///< `facts` replaces all before
  std::vector<publication> publications;
  std::vector<reply> replies;
  std::vector<removal> removals;
  std::vector<presence> presences;
  std::vector<aside> asides;
  bool finished = false; ///< nothing is kept any more but for a while what was answered, in `facts`

  [[nodiscard]] bool writes() const noexcept { return !facts.empty() || !publications.empty() || finished; }
  [[nodiscard]] bool empty() const noexcept {
    return !writes() && replies.empty() && removals.empty() && presences.empty() && asides.empty();
  }
};

/// Told what the handlers do; for log and metrics.
class monitor {
public:
  virtual ~monitor() = default;
  virtual void handled(std::string_view /*handler*/, std::chrono::nanoseconds /*took*/) {}
  virtual void failed(std::string_view /*handler*/, std::string_view /*why*/) {}
  virtual void said(std::string_view /*text*/) {}
  /// An idempotency key went before its time.
  virtual void forgot_key() {}
};

struct limits {
  std::size_t max_state = 1'048'576;   ///< bytes; beyond it a command is refused with 106
  milliseconds grace{0};               ///< before a user who went uncleanly has left
  milliseconds key_life{300'000};      ///< how long the answer to a client's idempotency key is kept
  std::size_t max_key_bytes = 8 << 20; ///< of those keys and answers; the oldest goes first
  std::size_t max_answer = 8 << 20;    ///< bytes of one answer, which goes to another node in one piece; 106
  /// A node that gave no command for so long won't ask for an answer again: they are dropped.
  milliseconds answer_life{60'000};
  std::size_t max_timers = 1000; ///< `set_timer` throws beyond it
};

class instance final : private detail::actor_context {
public:
  instance(std::string channel, make_actor make, const limits& most, monitor& told);
  ~instance();
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;

  /// Reads what was kept. Once, before all else; throws what the class's `load` throws.
  void restore(std::string_view snapshot, const std::vector<std::string>& log);
  [[nodiscard]] bool has_state() const noexcept { return known_; }
  void start(start_reason why, time_point now);
  void stop(stop_reason why, time_point now);
  /// After `stop`: the next commit is a snapshot that says why.
  void left(stop_reason why) {
    left_ = why;
    snapshot_ = true;
  }
  /// As what is kept says; after `restore`.
  [[nodiscard]] start_reason how_it_was_left() const noexcept;

  /// False if it gets no answer from here: it was answered long ago, or the actor has finished and another one is
  /// to be asked.
  bool run(const command& what, time_point now);
  /// Timers that are due.
  void fire(time_point now);
  [[nodiscard]] std::optional<time_point> next_due() const;

  /// All that was done since the last one; empty if nothing was.
  commit take();
  /// The next commit will be a snapshot.
  void want_snapshot() noexcept { snapshot_ = true; }
  [[nodiscard]] bool has_work() const noexcept;
  /// A handler said `finish`: nothing is run any more.
  [[nodiscard]] bool finished() const noexcept { return over_ || next_.finished; }
  /// The object couldn't be made again after a handler failed: what wasn't taken yet has not happened.
  [[nodiscard]] bool broken() const noexcept { return broken_; }

  /// What the class shows of its state; throws what it throws.
  [[nodiscard]] std::string inspect() const { return object_ ? object_->inspect() : std::string(); }
  [[nodiscard]] std::size_t timers() const noexcept { return timers_.size(); }

  [[nodiscard]] const std::string& name() const noexcept { return channel_; }
  [[nodiscard]] const member_map& members() const override { return members_; }
  [[nodiscard]] std::size_t state_size() const noexcept { return base_.size() + changes_size_; }
  [[nodiscard]] bool has_timers() const noexcept { return !timers_.empty() || !away_.empty(); }
  void set_limits(const limits& most) { most_ = most; }
  void set_native_loop(void* loop) noexcept { loop_ = loop; }

  /// Bytes of the state as it is now, and as a rebuild would make it: equal, or PLEXUS_STATE has left something
  /// out.
  [[nodiscard]] std::string state_now() const;
  [[nodiscard]] std::string state_rebuilt() const;

private:
  struct timer {
    time_point due;
    milliseconds every{0};
    template <class S>
    void state(S& s) {
      s(due, every);
    }
  };
  struct origin_record {
    std::uint64_t acked = 0;
    time_point heard{}; ///< its last command
    std::map<std::uint64_t, extension::answer> answers;
  };
  using asker = std::pair<std::string, std::uint64_t>; ///< origin and number
  struct key_record {
    extension::answer what;
    time_point until;
    std::vector<asker> waiting{}; ///< for an answer that was put off; the first one's is the ticket
    [[nodiscard]] std::size_t size() const noexcept { return what.data.size() + what.message.size() + 64; }
  };
  struct absent {
    member who;
    time_point until;
  };
  struct entry {
    member who;
    std::optional<member> before; ///< it was one already
    bool back = false;            ///< its user was away
  };
  /// What the handler under way has done so far.
  struct staged {
    std::optional<entry> entered; ///< in `members_` already
    std::vector<commit::publication> publications;
    std::vector<std::pair<std::string, std::optional<timer>>> timers;
    std::vector<commit::removal> removals;
    std::vector<commit::presence> presences;
    std::vector<commit::aside> asides;
    std::vector<std::pair<std::string, extension::answer>> answers; ///< by ticket
    std::vector<std::string> changes;
    bool finish = false;
  };

  // detail::actor_context
  [[nodiscard]] const std::string& channel() const override { return channel_; }
  [[nodiscard]] time_point now() const override;
  void publish(std::string data, std::vector<std::pair<std::string, std::string>> tags, bool keep) override;
  void set_timer(std::string name, milliseconds after, milliseconds every) override;
  void cancel_timer(std::string_view name) override;
  void remove(std::string_view client, std::uint16_t code) override;
  void set_presence(std::string_view client, std::string json) override;
  void record(std::string change) override;
  void answer(std::string_view ticket, std::uint16_t code, std::string text) override;
  void run_aside(std::string name, std::function<std::string()> work) override;
  void finish() override;
  void log(std::string_view text) override;
  [[nodiscard]] void* native_loop() const override { return loop_; }

  /// Runs `work`, keeps what it did or undoes it; the answer says which. `work` fills in the good answer.
  template <class Work>
  extension::answer attempt(std::string_view handler, time_point now, Work&& work);
  bool keep_state(extension::answer& out);
  void keep_staged();
  void undo();
  void rebuild();
  [[nodiscard]] std::unique_ptr<channel_actor> made_again() const;
  void in_handler() const;

  void subscribe(const command& what, extension::answer& out);
  void unsubscribe(const command& what, time_point now);
  void publication(const command& what, extension::answer& out);
  void call_rpc(const command& what, extension::answer& out);
  void settle(const command& what, extension::answer out, std::size_t before, time_point now);
  enum class seen_as : std::uint8_t { never, answered, straggler };
  seen_as seen(const command& what, time_point now);
  extension::answer said_anew(const command& what, time_point now);
  void enter(const member& who);
  /// The last of its user: true.
  bool leave(std::string_view client);
  void answer_put_off(const std::string& ticket, const extension::answer& what);
  void keep_key(const std::string& key, key_record what);
  void drop_key(const std::string& key);
  void put_off(const std::string& key, const asker& by);
  void forget_keys(time_point now);
  static std::string user_of(const member& who);

  template <class... T>
  void fact(char kind, const T&... values) {
    facts_.push_back(kind);
    state_writer to(facts_);
    to(values...);
  }
  void read_facts(std::string_view facts);
  void write_all(std::string& to);
  void write_answers();

  std::string channel_;
  make_actor make_;
  limits most_;
  monitor& told_;
  void* loop_ = nullptr;
  std::unique_ptr<channel_actor> object_;

  bool known_ = false;               ///< something was kept
  std::string base_;                 ///< the state's bytes
  std::vector<std::string> changes_; ///< since `base_`, of one that logs changes
  std::size_t changes_size_ = 0;
  member_map members_;
  std::map<std::string, std::uint32_t, std::less<>> users_; ///< members of each
  std::map<std::string, absent, std::less<>> away_;         ///< users in their grace
  std::map<std::string, timer, std::less<>> timers_;
  std::map<std::string, std::uint16_t, std::less<>> going_; ///< members that were removed, until they are gone
  std::map<std::string, origin_record, std::less<>> origins_;
  std::unordered_map<std::string, key_record> keys_;
  std::deque<std::pair<time_point, std::string>> key_ends_;
  std::unordered_map<std::string, std::string> put_off_; ///< by ticket: the key of the call
  std::size_t keys_size_ = 0;

  std::optional<stop_reason> left_;

  // Since the last commit.
  std::string facts_;
  bool state_changed_ = false;
  bool snapshot_ = false;
  commit next_;
  std::size_t log_size_ = 0, snapshot_size_ = 0;

  bool running_ = false; ///< a handler is
  bool broken_ = false;
  bool over_ = false; ///< finished, and taken
  time_point now_{};
  staged staged_;
};

/// An error code that an actor may answer with: itself, or 100.
std::uint16_t allowed_code(std::uint16_t code);

/// Splits a ticket of `call::answer_later`.
std::optional<std::pair<std::string_view, std::uint64_t>> read_ticket(std::string_view ticket);
std::string ticket_of(std::string_view origin, std::uint64_t number);

} // namespace plexus::extension
