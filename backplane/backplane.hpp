#pragma once
// The contract between a node and what it shares with other nodes. Two implementations: in-process
// (`memory_backplane`) and Redis Streams (`backplane/redis`); `tests/backplane/contract.hpp` holds for both.
//
// Threads: calls about a channel are made on the loop that the channel lives on. Answers and listener calls come
// through the `executor` that the backplane was made with, never from inside the call, so on that same loop.
// Answers about one channel come in the order of the calls, but an error may come early and a large set of members
// late; an empty `done` asks for none. The executor may be
// called under a lock of the backplane: it only queues. After the backplane is gone its listener isn't called any
// more; answers still under way may come or not.
//
// Order and atomicity:
// - `append` is one step: duplicate check, offset, history, and handing the entry to every *other* node that
//   occupies the channel. The appending node gets it with the answer ("the answer delivers at home"), never through
//   `listener`.
// - `subscribe` is one step: join the occupancy, read the position and what was missed. Whatever is appended
//   elsewhere after that position reaches the listener.
// - offsets start at 1 and have no holes. A log is made when first looked at, at offset 0. Its position (epoch,
//   offset) lives at least as long as the channel is occupied and for `retention::ttl` after it was made, the last
//   append and the last unsubscribe; the epoch is random and new when the log was made anew.
// - a node that is gone leaves the occupancy, and its presence members leave (after its lease, where it has one).
//
// - notices are replicated to every node, occupied channels or not: what a node reads of them it reads at home.
//
// Failure: `error_code::internal` says that it isn't known whether the step happened (the same call with the same
// idempotency key is safe to repeat); nothing else is an answer of `append`.

#include "actors/protocol/errors.hpp"
#include "actors/protocol/types.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace plexus::backplane {

using protocol::client_info;
using protocol::error_code;
using protocol::position;
using protocol::publication_ptr;
using std::chrono::milliseconds;

/// A value or the error that took its place.
template <class T>
class outcome {
public:
  outcome(T value) : either_(std::move(value)) {}
  outcome(error_code why) : either_(why) {}
  [[nodiscard]] bool ok() const noexcept { return either_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] T& operator*() { return std::get<0>(either_); }
  [[nodiscard]] const T& operator*() const { return std::get<0>(either_); }
  [[nodiscard]] T* operator->() { return &std::get<0>(either_); }
  [[nodiscard]] const T* operator->() const { return &std::get<0>(either_); }
  [[nodiscard]] error_code error() const { return std::get<1>(either_); }

private:
  std::variant<T, error_code> either_;
};

struct nothing {};

template <class T>
using answer = std::function<void(outcome<T>)>;

/// How long a channel's log is. `size` 0: the channel keeps no log; its publications have no offset, its position
/// is empty (no epoch, offset 0) and nothing is ever recovered.
struct retention {
  std::size_t size = 0;
  milliseconds ttl{0}; ///< counts from the last append: then the whole log expires
  [[nodiscard]] bool logs() const noexcept { return size > 0 && ttl > milliseconds{0}; }
  friend bool operator==(const retention&, const retention&) = default;
};

/// What is to be appended; offset, epoch and time are given by the backplane.
struct draft {
  std::string data;
  bool binary = false; ///< kept with the data; see `protocol::publication`
  std::shared_ptr<const client_info> info;
  protocol::tag_list tags;
  std::string idempotency_key;     ///< empty: none
  milliseconds idempotency_ttl{0}; ///< how long the key is remembered
  bool skip_history = false;       ///< pass it on, don't log it
  bool replicated = false;         ///< acknowledge it only once a replica has it, where there are replicas
};

struct appended {
  position at;                 ///< empty: not logged
  bool duplicate = false;      ///< the key was known: `at` is the first one's, nothing was handed on
  publication_ptr publication; ///< null for a duplicate
};

/// From `since` (exclusive) on, or from the log's beginning; `reverse` goes back from it, or from the log's end.
/// `limit` 0 reads only the position, no limit reads all that is kept. Offsets no longer (or not yet) kept are
/// passed over in silence: a page is no recovery.
struct log_query {
  std::optional<position> since; ///< an empty epoch matches any; another epoch is error 112
  std::optional<std::size_t> limit;
  bool reverse = false;
};

struct log_page {
  position top;
  std::vector<publication_ptr> publications;
};

/// What a client missed since a position: all of it, or none.
struct recovery {
  position top;
  bool recovered = false; ///< false: other epoch, trimmed, expired, beyond the top or more than `max`
  std::vector<publication_ptr> publications;
};

/// A member of a presence set and the change that a call made.
struct presence_change {
  enum class kind : std::uint8_t { none, joined, updated, left };
  kind what = kind::none;
  client_info member;        ///< for `left`: as last known
  std::uint64_t version = 0; ///< rises by one with each change of this channel's set (none: the present one)
  std::string epoch;         ///< versions compare within one epoch; a new one means that the set was made anew
};

struct presence_snapshot {
  std::uint64_t version = 0;
  std::string epoch; ///< as in `presence_change`
  std::vector<client_info> members;
};

/// A right that one holder at a time has, cluster-wide.
struct lease {
  bool granted = false;
  std::string holder;      ///< who has it now
  std::uint64_t token = 0; ///< the holder's; rises whenever the lease is taken anew (renewing keeps it): what is
                           ///< written under an older token is refused
};

/// A small fact that every node of the cluster knows until it is over, such as "this user is blocked". What its key
/// and value mean is the business of who puts it.
///
/// A notice only grows: of several puts of one key the larger value and the later end hold, whatever their order;
/// `drop_notice` alone takes one back. So a put whose answer was lost may be repeated.
struct notice {
  std::string key;        ///< 1 to `max_notice_key` bytes
  std::int64_t value = 0; ///< 0 to 2^53
  milliseconds until{0};  ///< Unix time from which on it doesn't hold any more
  friend bool operator==(const notice&, const notice&) = default;
};

inline constexpr std::size_t max_notice_key = 128;
/// Notices that a cluster keeps at most; a put of another key is then refused with `error_code::limit_exceeded`.
inline constexpr std::size_t max_notices = 100'000;

/// A node of the cluster.
struct peer {
  std::string uid;  ///< new with each start; no spaces
  std::string name; ///< `node.name`; nothing keeps two nodes from having the same
  friend bool operator==(const peer&, const peer&) = default;
};

/// What one message from node to node may have at most.
inline constexpr std::size_t max_message = 1 << 20;

// What is kept of channel actors (actors/extension): for each a snapshot and a log of what came after it, written
// by its owner alone. The owner is who holds the lease of the channel's name; every write names holder and token,
// and the store compares them in the same step: what a stale owner writes is refused, whatever it believes.

/// Ownership, and with it all that was kept.
struct actor_claim {
  lease right;                ///< not granted: who has it; the rest is empty
  std::uint64_t sequence = 0; ///< of the last write that kept something
  std::string snapshot;
  std::vector<std::string> log; ///< written after the snapshot, in order
};

struct actor_write {
  enum class mode : std::uint8_t {
    nothing,  ///< only publications, or only to renew the lease
    add,      ///< `facts` goes behind the log
    snapshot, ///< `facts` takes the place of snapshot and log
    drop      ///< nothing is kept any more
  };
  std::string holder;
  std::uint64_t token = 0;
  std::uint64_t sequence = 0; ///< of this write; not looked at with mode `nothing`
  mode how = mode::nothing;
  std::string facts;
  std::vector<draft> publications; ///< appended as with `append`, in order
  milliseconds ttl{0};             ///< the lease holds so long from now on
  milliseconds life{0};            ///< what is kept goes so long after its last write or renewal; 0: never
  bool release = false;            ///< gives the lease back with it
  /// With `release`: somebody should have it. Unless it is claimed within this time it counts as left behind.
  std::optional<milliseconds> wanted{};
  bool replicated = false; ///< answered once a replica has it, and not done where there is none; see `draft`
};

struct actor_written {
  bool refused =
      false; ///< the lease isn't this holder's under this token, or the sequence is another: nothing was done
  std::vector<position> at; ///< of each publication; empty ones were not logged
};

/// What other nodes did; implemented by the node. Called through the executor.
class listener {
public:
  virtual ~listener() = default;
  /// Appended on another node while this one occupied `channel`.
  virtual void published(const std::string& channel, publication_ptr what) = 0;
  /// A presence change made by another node while this one occupied `channel`.
  virtual void presence_changed(const std::string& channel, const presence_change& change) = 0;
  /// Entries of `channel` may have been missed: subscribe anew and tell the clients what can't be recovered.
  virtual void in_doubt(const std::string& channel) = 0;
  /// Presence changes of `channel` may have been missed: ask for its members again.
  virtual void presence_in_doubt(const std::string& channel) = 0;

  // Notices: unlike the above, told of what this node did too, and before the answer to it; all calls on the loop
  // of the empty channel name. The calls about one key come in the order in which the changes took effect.
  /// The notice of that key was put, by whichever node, and is this now; `until` 0: it was dropped.
  virtual void noticed(const notice& /*now*/) {}
  /// All that hold: replaces whatever the node knew. Once at the start, before `check` first says ready, and after
  /// any doubt (a lost connection, a failover). An expired one isn't told of: nodes go by `until` and their clock.
  virtual void notices_are(const std::vector<notice>& /*all*/) {}

  /// What the node `from` sent to this one; on the loop of the empty channel name, in the order in which it was
  /// sent.
  virtual void received(const std::string& /*from*/, std::string_view /*bytes*/) {}
};

struct health {
  bool ready = true;
  std::string message; ///< why not, or what isn't well although it is; for the operator
};

class backplane {
public:
  using task = std::function<void()>;
  /// Runs `task` on the loop that `channel` lives on, later; may be called on any thread.
  using executor = std::function<void(std::string_view channel, task)>;

  virtual ~backplane() = default;

  virtual void append(const std::string& channel, const retention& keep, draft what, answer<appended> done) = 0;
  /// Where the publication with this idempotency key is: empty where it wasn't logged, none where nothing is known
  /// of the key, or not any more. Writes nothing.
  virtual void find_key(const std::string& channel, const std::string& key,
                        answer<std::optional<position>> done) = 0;

  /// Joins the occupancy. Asking again is harmless.
  virtual void subscribe(const std::string& channel, const retention& keep, answer<position> done) = 0;
  /// Leaves it. What was handed on before may still reach the listener.
  virtual void unsubscribe(const std::string& channel) = 0;

  /// All that came after `since`, at most `max` publications; all or nothing.
  virtual void recover(const std::string& channel, const retention& keep, const position& since, std::size_t max,
                       answer<recovery> done) = 0;
  virtual void history(const std::string& channel, const retention& keep, const log_query& what,
                       answer<log_page> done) = 0;
  /// Empties the log; epoch and offset stay.
  virtual void remove_history(const std::string& channel, answer<nothing> done) = 0;

  /// Enters `who` (joined), or changes the info of a member with that client id (updated, or none when equal).
  virtual void enter(const std::string& channel, client_info who, answer<presence_change> done) = 0;
  virtual void leave(const std::string& channel, const std::string& client, answer<presence_change> done) = 0;
  virtual void members(const std::string& channel, answer<presence_snapshot> done) = 0;

  /// Takes or renews `name` for `holder`, for `ttl`. Granted when nobody else holds it. To the executor a lease's
  /// name is a channel's: give a channel's lease that channel's name.
  virtual void acquire_lease(const std::string& name, const std::string& holder, milliseconds ttl,
                             answer<lease> done) = 0;
  /// Gives it back; nothing happens when `holder` doesn't hold it.
  virtual void release_lease(const std::string& name, const std::string& holder, answer<nothing> done) = 0;

  /// Takes or renews the lease of the channel's name, as `acquire_lease` does, and reads what is kept, in one step.
  virtual void claim_actor(const std::string& channel, const std::string& holder, milliseconds ttl,
                           answer<actor_claim> done) = 0;
  /// One atomic step: compares lease and sequence, keeps the facts, appends the publications and hands them on,
  /// renews the lease or gives it back. The publications reach the listener of every node that occupies the
  /// channel, this one too, here before the answer.
  virtual void write_actor(const std::string& channel, const retention& keep, actor_write what,
                           answer<actor_written> done) = 0;
  /// Channels of which something is kept and whose lease ran out without being given back, or that are wanted:
  /// their owner is gone. At most `most` of them. To threads and to the executor it belongs to the empty channel
  /// name.
  virtual void abandoned_actors(std::size_t most, answer<std::vector<std::string>> done) = 0;

  /// Puts a notice in one atomic step: see `notice`. The answer comes when this cluster has it and this node's
  /// listener has heard it; the other nodes hear it as soon as they can, those out of reach when they are back. One
  /// that is over already changes nothing. To threads and to the executor a notice belongs to the empty channel
  /// name.
  virtual void put_notice(notice what, answer<nothing> done) = 0;
  /// Takes it back, in one step; nothing happens (and nobody is told) when there is none.
  virtual void drop_notice(const std::string& key, answer<nothing> done) = 0;

  /// This node's, new with each start. Any thread.
  [[nodiscard]] virtual const std::string& uid() const = 0;
  /// The nodes that are alive, this one included; one that died without a word is among them until its lease is
  /// over. To threads and to the executor this and `send` belong to the empty channel name.
  virtual void peers(answer<std::vector<peer>> done) = 0;
  /// Sends bytes to the node `to`, or to every other one (`to` empty). At most once, and what one node sends to
  /// another arrives in that order. The answer says that it is on its way to the nodes that are alive, not that
  /// they have it. Errors: `internal` when it isn't known whether it is, or there is no such node; `bad_request`
  /// for this node itself; `limit_exceeded` beyond `max_message`.
  virtual void send(const std::string& to, std::string bytes, answer<nothing> done) = 0;

  /// May be called on any thread.
  [[nodiscard]] virtual health check() const = 0;
  /// Called about once a second by one loop: drops what has expired.
  virtual void tick() = 0;

protected:
  backplane() = default;
  backplane(const backplane&) = default;
  backplane& operator=(const backplane&) = default;
};

} // namespace plexus::backplane
