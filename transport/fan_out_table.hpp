#pragma once
// Who on this loop gets what is emitted to a channel. The publications of one turn are gathered, already framed, in
// one batch for each channel and kind of subscriber; at the end of the turn each subscriber gets the batch as one
// shared piece. So a turn costs a subscriber one queue entry however many publications there were.

#include "actors/protocol/broadcast.hpp"
#include "transport/buffer.hpp"
#include "transport/websocket/deflate.hpp"

#include <boost/container/small_vector.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
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
  boost::container::small_vector<membership, 1> memberships;
};

/// Subscribers that get exactly the same bytes.
struct fan_out_group {
  protocol::format format{};
  transport::framing framing{};
  websocket::window_bits deflate = 0;
  bool join_leave = false;
  struct entry {
    fan_out_member* who = nullptr;
    std::uint32_t taken = 0; ///< of the open batch: how much this one has, or is not to get
  };
  std::vector<entry> members;
  chunk_ptr batch; ///< null: nothing in this turn yet
  std::uint32_t messages = 0;
  std::uint32_t compressed = 0; ///< of them
  std::uint64_t saved = 0;      ///< bytes that they lost by it
};

struct channel_fan_out {
  std::string name;
  boost::container::small_vector<fan_out_group, 1> groups;
  bool open = false; ///< has a batch in this turn
};

/// One a loop, on its thread.
class fan_out_table {
public:
  using clock = protocol::broadcast::clock;

  /// From now on `who` gets what is emitted to `channel`.
  void add(fan_out_member& who, std::string_view channel, bool join_leave);
  /// What was emitted before is handed over; nothing follows. False: it wasn't in.
  bool remove(fan_out_member& who, std::string_view channel);
  void remove_all(fan_out_member& who);

  void emit(const protocol::broadcast& what);
  /// Hands over what `who` has coming, so that something of its own may follow it.
  void cut(fan_out_member& who);
  /// End of the turn: hands the batches to all. True when there were any.
  bool close_batches();
  /// The accepting times of what `close_batches` handed over; to be read once it was written.
  std::vector<clock::time_point>& accepted() noexcept { return accepted_; }

  [[nodiscard]] std::vector<fan_out_member*> members_of(std::string_view channel) const;
  [[nodiscard]] std::size_t channels() const noexcept { return channels_.size(); }

private:
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
  };
  void remove_at(fan_out_member& who, std::size_t which);
  void close_batch(fan_out_group& g, bool only_channel);

  std::unordered_map<std::string, std::unique_ptr<channel_fan_out>, hash, std::equal_to<>> channels_;
  std::vector<channel_fan_out*> open_;
  std::vector<clock::time_point> accepted_;
};

} // namespace plexus::transport
