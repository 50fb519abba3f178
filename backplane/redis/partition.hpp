#pragma once
// One partition's side of Redis: two connections (commands, shared with the server's other partitions; the inbox),
// the steps that wait, and what this node has in it (channels it occupies, members it entered). The decisions are
// in the machines next to this file; this one moves bytes, answers and time between them.
//
// On its loop's thread only, apart from `check`. Owner: redis_backplane.
//
// Life: off -> opening -> greeting (hello) -> attaching (the inbox's connection) -> up; at any doubt back to off,
// all connections closed, and after each `up` every channel is registered again.

#include "actors/runtime/loop.hpp"
#include "backplane/redis/batch_pace.hpp"
#include "backplane/redis/batcher.hpp"
#include "backplane/redis/fine_timer.hpp"
#include "backplane/redis/identity.hpp"
#include "backplane/redis/inbox_tail.hpp"
#include "backplane/redis/lease_clock.hpp"
#include "backplane/redis/link_pool.hpp"
#include "backplane/redis/notice_book.hpp"
#include "backplane/redis/presence_sweep.hpp"
#include "backplane/redis/sequencer.hpp"
#include "backplane/redis/shared_reads.hpp"
#include "backplane/redis/step.hpp"
#include "backplane/redis/tuning.hpp"
#include "backplane/redis/unsettled.hpp"
#include "backplane/redis/wire.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace plexus::backplane::redis {

/// Finds out where the primary is; calls back on the loop with an endpoint, or an empty host and why not.
class locator {
public:
  virtual ~locator() = default;
  virtual void find(std::function<void(const endpoint&, const std::string&)> found) = 0;
  /// Whether it may change without notice: then it is asked again every second.
  [[nodiscard]] virtual bool moves() const = 0;
  /// As `find`, but what was heard within the last second will do.
  virtual void check(std::function<void(const endpoint&, const std::string&)> found) { find(std::move(found)); }
  /// A server refused a command: its words may say who has the partition now.
  virtual void refused(std::string_view /*error*/, const endpoint& /*by*/) {}
  /// A server said who it is.
  virtual void met(const endpoint& /*where*/, std::string_view /*mark*/) {}
  /// Who the server was that has the partition now, if that was known before `before`; empty: not known.
  [[nodiscard]] virtual std::string mark_there(milliseconds /*before*/) const { return {}; }
};

/// How a start ended.
struct start_result {
  std::string fault;              ///< empty: up
  bool bad_configuration = false; ///< the fault won't go away by waiting
};

class partition {
public:
  struct setup {
    std::string prefix; ///< of all keys, with the hash tag
    std::string tag;    ///< for the log
    std::string uid;    ///< the process; 22 letters or so
    std::string node_name;
    unsigned partitions = 1;
    bool cluster = false;     ///< its slot may move from server to server
    bool has_notices = false; ///< the partition of the channel without a name
    tuning times;
    link::target login; ///< without the endpoint; of the inbox's connection
    std::shared_ptr<link_pool> links;
    std::shared_ptr<locator> where;
  };

  partition(runtime::loop& home, setup with, backplane::executor run, listener& to);
  ~partition();
  partition(const partition&) = delete;
  partition& operator=(const partition&) = delete;

  /// Connects, and again after each doubt. `done` hears of the first time it is up, or of a fault that stays.
  void start(std::function<void(const start_result&)> done);
  void stop();
  /// The node ends: gives up its members, its channels and its lease, then stops. `done` once, at once where Redis
  /// is away; nothing may be asked any more.
  void farewell(std::function<void()> done);

  /// Takes a step; its answer comes through the executor, at the latest when its time is over.
  void ask(step what);
  void subscribe(step what);
  void unsubscribe(const std::string& channel);
  void enter(step what);
  void leave(step what);

  /// Any thread.
  [[nodiscard]] health check() const;
  struct figures {
    milliseconds lease_age{0}; ///< since the lease was renewed
    std::size_t inbox = 0;     ///< entries that wait in the inbox, as of the last renewal
    std::size_t pending = 0;   ///< steps that wait
  };
  [[nodiscard]] figures measure() const;
  /// It has the notices, and the listener doesn't know them yet: nobody may be let in before. Any thread.
  [[nodiscard]] bool owes_notices() const;
  /// The server it is connected to; empty: none. On the loop's thread, as is `ask_server`.
  [[nodiscard]] std::string server() const;
  /// Asks that server with INFO for `section`; `done` with its words, or empty ones where it didn't answer.
  void ask_server(const std::string& section, std::function<void(std::string)> done);
  /// Closes both connections, as a network would. For tests.
  void cut() { doubt(0, "cut"); }

private:
  struct item {
    backplane::task run;
    std::uint64_t offset = 0, version = 0;
  };
  /// A channel that this node occupies.
  struct view {
    sequencer<item> order;
    retention keep;
    std::uint64_t offset = 0, version = 0; ///< of what was emitted
    milliseconds enrolled{0};
    bool queued = false; ///< a repair is on its way
    bool asked = false;  ///< Redis was
  };
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
  };
  template <class T>
  using by_name = std::unordered_map<std::string, T, text_hash, std::equal_to<>>;
  enum class phase : std::uint8_t { off, opening, greeting, attaching, up };
  struct pulse_timer;

  // partition_session.cpp: connecting, time, health
  void connect();
  void open_commands(const endpoint& where);
  void load_scripts(bool again);
  void greet();
  void on_hello(const reply& r);
  void attach();
  void count_generation(std::string_view mark);
  void warn_about_eviction(std::string_view memory);
  void warn_about_replica();
  void on_up();
  void doubt(std::size_t reason, const std::string& why);
  void pulse();
  void sweep(milliseconds at);
  void watch_answers(milliseconds now);
  void renew(milliseconds now);
  void on_renewed(const reply& r);
  void ask_where();
  void give_up(milliseconds now);
  void note_health(milliseconds now);
  [[nodiscard]] milliseconds now() const;

  // partition_cluster.cpp: a slot on its way from server to server
  void add_keys(words& to) const;
  /// The same, and who calls: what every script but `hello` begins with.
  void add_caller(words& to) const;
  enum class command : std::uint8_t { batch, renewal, read };
  [[nodiscard]] bool redirected(const reply& r, command which);
  void served(milliseconds sent);
  void leave_server(const std::string& why);
  void watch_move(milliseconds now);
  [[nodiscard]] bool moving_for(milliseconds long_, milliseconds now) const;

  // partition.cpp: batches
  void flush_soon();
  void flush();
  [[nodiscard]] std::optional<step> next_repair();
  void settle();
  void push_fact(step what);
  void keep_fact(step& of);
  void send_batch(bool with_text);
  void on_batch(const answer_ptr& whole);
  void ask_replica(const reply& answers);
  void fail_batch(const std::string& why);
  void settle_parked();

  // partition_inbox.cpp
  void read_inbox();
  void on_inbox(const reply& r);
  void on_handed_on(const handed_on& what);

  // partition_nodes.cpp: nodes among each other, and what each has to know
  void on_peers(peers_step& what, const reply& r);
  void on_sent(send_step& what, const reply& r);
  void on_message(const handed_on& what);
  void on_bye();
  void on_noticed(const step& of, answer<nothing>& done, const reply& r);
  void on_notices(const step& of, const reply& r);
  void put_back_notices(milliseconds age);
  void ask_notices();

  // partition_answers.cpp
  void answer_step(step& of, const reply& r);
  void on_appended(step& of, append_step& what, const append_answer& got);
  void on_key_found(step& of, find_key_step& what, std::string_view text);
  void on_enrolled(step& of, enroll_step& what, const reply& r);
  void catch_up(const std::string& channel, view& known, const reply& r);
  void on_presence(step& of, answer<presence_change>& done, const reply& r);
  void on_members(step& of, members_step& what, const reply& r);
  // partition_actors.cpp
  void on_claimed(step& of, claim_actor_step& what, const reply& r);
  void on_written(step& of, write_actor_step& what, const reply& r);
  void bury(const std::vector<std::string>& dead);
  void on_cleaned(step& of, const clean_step& what, const reply& r);
  void in_order(const std::string& channel, std::string_view epoch, std::uint64_t sequence, bool is_step,
                item what);
  void emit(const std::string& channel, view* known, std::vector<item>& items);
  void queue_enroll(const std::string& channel, view& known, std::size_t reason);
  void publish(const std::string& channel, std::vector<item>& to, publication_ptr what);
  void refuse(step& of, error_code why);
  template <class T>
  void reply_with(const std::string& channel, answer<T>& done, outcome<T> what);

  runtime::loop& home_;
  setup with_;
  backplane::executor run_;
  listener& to_;

  phase phase_ = phase::off;
  std::shared_ptr<lane> commands_;
  std::shared_ptr<link> inbox_link_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::function<void(const start_result&)> started_;
  std::function<void()> leaving_; ///< set: the farewell is under way
  milliseconds farewell_until_{0};
  std::unique_ptr<pulse_timer> timer_;
  milliseconds opened_{0}, next_attempt_{0}, retry_{0}, down_since_{0}, paused_until_{0}, located_{0};
  bool notices_known_ = false; ///< the listener was told all since the connection came up for the first time
  bool stopped_ = false, locating_ = false, up_before_ = false;
  std::size_t inbox_waiting_ = 0;
  std::string trouble_, mark_;
  std::string examined_;    ///< mark of the server whose settings were looked at
  std::string greeted_at_;  ///< its address
  std::size_t doubted_ = 0; ///< the last doubt's reason
  std::string hello_sha_, append_sha_, batch_sha_, renew_sha_;

  // A slot that is being moved. While part of its keys are elsewhere Redis does nothing for it, so nothing is lost
  // by waiting; once all are there, the new server is greeted with the proof that it has what the old one had.
  struct move_state {
    milliseconds since{0};                 ///< refusals began; 0: the slot doesn't move
    milliseconds batch_at{0}, inbox_at{0}; ///< when the batch is sent again, the inbox read again; 0: not waiting
    milliseconds leave_by{0}; ///< the table says that the slot is elsewhere, this server has said nothing
    milliseconds good{0}, renew_sent{0}; ///< when the last command was sent that was served; the last renewal
    bool leaving = false;
    std::string from, to; ///< marks: the next greeting's proof; empty: none
  } move_;

  identity self_;
  inbox_tail tail_;
  lease_clock lease_;
  presence_sweep sweep_;
  batcher<step> batches_;
  shared_reads shared_;
  batch_pace pace_;
  fine_timer gathering_; ///< for the batch that keeps its distance
  unsettled unsettled_;
  words words_;
  milliseconds deadline_{0}, slack_{0}; ///< of the outstanding batch, in Redis time; fixed when it is first sent
  std::string nonce_;
  bool batch_sent_ = false, flush_queued_ = false, waiting_for_replica_ = false, replicated_ = true;
  std::uint64_t wait_number_ = 0; ///< of the last wait for a replica
  answer_ptr parked_;             ///< answers that may only be handled once the inbox is read as far
  std::uint64_t parked_until_ = 0;
  link::clock::time_point sent_{};
  milliseconds redis_time_{0}; ///< of the batch being answered

  by_name<view> views_;
  by_name<std::unordered_map<std::string, std::string>> members_; ///< own ones: by channel and client, encoded
  std::deque<std::pair<std::string, std::size_t>> to_enroll_;     ///< with the reason
  std::deque<std::pair<std::string, std::string>> to_enter_;
  std::deque<step> to_clean_; ///< behind nodes that are gone
  std::deque<notice> to_put_; ///< back into a Redis that may have lost them
  std::shared_ptr<notice_book> notices_ = std::make_shared<notice_book>();
  std::deque<std::pair<milliseconds, std::string>> swept_;
  milliseconds next_sweep_{0};
  std::unordered_set<std::string> holes_;

  mutable std::mutex health_lock_;
  health health_{false, "connecting to Redis"};
  bool owes_notices_ = false; ///< as of the last look; before the first one nothing is ready
  figures figures_;
};

template <class T>
void partition::reply_with(const std::string& channel, answer<T>& done, outcome<T> what) {
  if (!done) return;
  run_(channel, [done = std::exchange(done, nullptr), what = std::move(what)]() mutable { done(std::move(what)); });
}

} // namespace plexus::backplane::redis
