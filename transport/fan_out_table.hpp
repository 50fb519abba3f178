#pragma once
// Who on this loop gets what is emitted to a channel. The publications of one turn are gathered, already framed, in
// one batch for each channel and kind of subscriber; at the end of the turn each subscriber gets the batch as one
// shared piece. So a turn costs a subscriber one queue entry however many publications there were.
//
// Subscribers of a channel that get the same bytes stand in one group. Two things move them between groups:
// - deltas: who is new gets one publication whole and is then among those who get what changed since the last one;
// - latest-only delivery: who is `behind` (its socket takes no more) gets no publications but, once it takes
//   more, the newest one; the publications before are skipped.

#include "actors/channel/delivery.hpp"
#include "actors/protocol/broadcast.hpp"
#include "transport/buffer.hpp"
#include "transport/websocket/deflate.hpp"

#include <boost/container/small_vector.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plexus::transport {

/// How messages are marked off on a transport; with the format it decides what bytes a subscriber gets.
enum class framing : std::uint8_t {
  websocket_text,
  websocket_binary,
  // The bodies of responses that go on, in chunks; see stream/framing.hpp.
  stream_lines,
  stream_events,
  stream_bytes, ///< of formats whose messages carry their length
  // The same without chunks, for clients and proxies of HTTP/1.0.
  plain_lines,
  plain_events,
  plain_bytes,
};

/// Appends `message` with its framing.
void append_framed(std::string& out, framing how, std::string_view message);
class fan_out_member;
/// The same for one client alone, compressed where that is agreed.
void append_framed(std::string& out, const fan_out_member& who, std::string_view message);

using channel::subscriber_kind;
struct channel_fan_out;

/// A subscriber's entry, kept by the subscriber: where it stands in the table.
struct membership {
  channel_fan_out* channel = nullptr;
  std::uint32_t group = 0;
  std::uint32_t index = 0;
};

/// Whoever can be in the table; a client's session.
class fan_out_member {
public:
  virtual ~fan_out_member() = default;
  /// Append this to what waits for the client. `last`: nothing follows in this turn, it may go out at once.
  virtual void take(segment s, bool last) = 0;

  protocol::format format = protocol::format::json;
  transport::framing framing = transport::framing::websocket_text;
  websocket::window_bits deflate = 0; ///< see websocket/deflate.hpp; 0: nothing is compressed
  bool skipping = false;              ///< its socket takes no more (`put_behind`)
  std::uint64_t messages_out = 0;     ///< what it was sent, in the table or past it
  const void* writes_with = nullptr;  ///< memory that `take` looks at: it is fetched ahead
  boost::container::small_vector<membership, 1> memberships;
};

/// What decides which bytes a subscriber gets.
struct fan_out_form {
  protocol::format format{};
  transport::framing framing{};
  websocket::window_bits deflate = 0;
  subscriber_kind kind;
  bool has_base = false; ///< with deltas: it has the publication before
  bool behind = false;   ///< with latest-only delivery: its socket takes no more
  friend bool operator==(const fan_out_form&, const fan_out_form&) = default;
};

/// Subscribers that get exactly the same bytes.
struct fan_out_group {
  fan_out_form form;
  struct entry {
    fan_out_member* who = nullptr;
    std::uint32_t taken = 0; ///< of the open batch: how much this one has, or is not to get
    /// Behind: the number of the newest publication that it has; another one than the channel's waits for it.
    std::uint32_t seen = 0;
    std::uint32_t counted = 0; ///< messages of the open batch that `messages_out` has, or that it is not to get
  };
  std::vector<entry> members;
  chunk_ptr batch; ///< null: nothing in this turn yet
  std::uint32_t messages = 0;
  std::uint32_t compressed = 0; ///< of them
  std::uint64_t saved = 0;      ///< bytes that they lost by it
  std::size_t waiting = 0;      ///< behind: members for whom the channel's newest publication waits
};

struct channel_fan_out {
  std::string name;
  std::uint64_t id = 0; ///< never used again
  boost::container::small_vector<fan_out_group, 1> groups;
  bool open = false;              ///< has a batch in this turn
  bool latest = false;            ///< somebody here has latest-only delivery, or had
  std::uint32_t count = 0;        ///< numbers the publications, while `latest`
  protocol::broadcast_ptr newest; ///< the one with the number `count`
};

/// One a loop, on its thread.
class fan_out_table {
public:
  using clock = protocol::broadcast::clock;

  /// From now on `who` gets what is emitted to `channel`.
  void add(fan_out_member& who, std::string_view channel, subscriber_kind kind);
  /// What was emitted before is handed over; nothing follows. False: it wasn't in.
  bool remove(fan_out_member& who, std::string_view channel);
  void remove_all(fan_out_member& who);

  void emit(const protocol::broadcast_ptr& what);
  /// Hands over what `who` has coming, so that something of its own may follow it.
  void cut(fan_out_member& who);
  /// The socket of `who` takes no more: where it has latest-only delivery, publications wait outside its queue, the
  /// newest of each channel. `dropped`: channels (`chunk::skippable`) whose last publication was dropped from its
  /// queue, and waits again.
  void put_behind(fan_out_member& who, std::span<const std::uint64_t> dropped = {});
  /// It takes more again: hands over what waited.
  void catch_up(fan_out_member& who);

  /// End of the turn: hands the batches to all. True when there were any.
  bool close_batches();
  /// The accepting times of what `close_batches` handed over; to be read once it was written.
  std::vector<clock::time_point>& accepted() noexcept { return accepted_; }

  [[nodiscard]] std::vector<fan_out_member*> members_of(std::string_view channel) const;
  [[nodiscard]] std::size_t channels() const noexcept { return channels_.size(); }
  /// Publications that one with latest-only delivery, and behind, was spared since it fell behind; else 0.
  [[nodiscard]] static std::uint32_t behind_by(const membership& m) noexcept;
  /// Of its group: `behind` says that publications are skipped for it.
  [[nodiscard]] static const fan_out_form& form_of(const membership& m) noexcept {
    return m.channel->groups[m.group].form;
  }

private:
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
  };
  static std::uint32_t group_for(channel_fan_out& c, const fan_out_form& form);
  static void leave_group(membership m);
  static void enter_group(membership& m, fan_out_member& who, std::uint32_t group);
  static void hand_over(fan_out_group& g, fan_out_group::entry& own);
  static void begin_deltas(channel_fan_out& c);
  void remove_at(fan_out_member& who, std::size_t which);
  void close_batch(fan_out_group& g, bool only_channel);

  std::unordered_map<std::string, std::unique_ptr<channel_fan_out>, hash, std::equal_to<>> channels_;
  std::vector<channel_fan_out*> open_;
  std::vector<clock::time_point> accepted_;
  std::uint64_t last_id_ = 0;
};

} // namespace plexus::transport
