#pragma once
// One channel actor on this node, from the claim of its channel to its end: reads what is kept, runs commands, has
// the store write what they did, and only then lets anybody hear of it. One write is on its way at a time; what
// comes meanwhile goes into the next, so a busy actor's commands share writes.
//
// Lives on its channel's loop. Holds no more than the lease lets it: when the store refuses a write, or the lease
// can't be renewed in time, everything since the last write is dropped, nobody has heard of it, and whoever asked
// asks again.

#include "actors/extension/instance.hpp"
#include "actors/runtime/loop.hpp"
#include "backplane/backplane.hpp"
#include "config/settings.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace plexus::extension {

class cell;

/// Why a cell ended.
enum class cell_end : std::uint8_t {
  elsewhere,  ///< another node has the channel
  lost,       ///< it isn't known who has it: ask again
  unreadable, ///< what is kept can't be read by this node's plugin
  left        ///< given back, as asked
};

/// What a cell needs of its loop's host.
class cell_port {
public:
  virtual ~cell_port() = default;
  /// `at`: of the publication, for a publish; else up to where the channel's publications were made before this
  /// command. An empty one: not logged, or not known.
  virtual void replied(const std::string& channel, const commit::reply& what, const protocol::position& at) = 0;
  virtual void remove(const std::string& channel, const commit::removal& what) = 0;
  virtual void set_presence(const std::string& channel, const commit::presence& what) = 0;
  virtual void run_aside(const std::string& channel, std::uint64_t cell, commit::aside what) = 0;
  /// The cell is to be destroyed, but not from inside this call. `holder`: who has it, if that is known.
  virtual void ended(cell& which, cell_end how, const std::string& holder) = 0;
  /// It serves now.
  virtual void began(cell& which) = 0;
};

/// What a cell is told once.
struct cell_setup {
  std::string channel, actor_name;
  detail::make_actor make = nullptr;
  std::string self; ///< this node's uid: the lease's holder
  milliseconds lease{10'000};
  milliseconds patience{15'000}; ///< how long a node asks for an answer
  milliseconds key_life{300'000};
  std::uint64_t number = 0; ///< of this cell, among all of the node
};

class cell final : public std::enable_shared_from_this<cell>, private monitor {
public:
  cell(cell_setup with, const config::channel_options& options, runtime::loop& home, backplane::backplane& plane,
       cell_port& port);
  ~cell() override;

  void begin();
  void take(command what);
  /// Puts it aside, or hands it over: `cell_end::left` follows, or `lost`. One with timers or members is as if it
  /// was left behind when nobody has it after `grace`.
  void leave(stop_reason why, milliseconds grace = milliseconds{0});
  void set_options(const config::channel_options& options);

  [[nodiscard]] const std::string& channel() const noexcept { return with_.channel; }
  [[nodiscard]] std::uint64_t number() const noexcept { return with_.number; }
  [[nodiscard]] bool serving() const noexcept { return phase_ == phase::serving; }
  [[nodiscard]] const member_map* members() const noexcept { return actor_ ? &actor_->members() : nullptr; }
  [[nodiscard]] const std::string& actor_name() const noexcept { return with_.actor_name; }
  [[nodiscard]] std::uint64_t commands() const noexcept { return commands_; }
  /// Null until it serves.
  [[nodiscard]] const instance* actor() const noexcept { return actor_.get(); }
  [[nodiscard]] std::uint64_t lease_token() const noexcept { return token_; }
  /// How long the lease holds if it isn't renewed; below 0: it is over.
  [[nodiscard]] milliseconds lease_left() const {
    return std::chrono::duration_cast<milliseconds>(lease_end_ - home_.now());
  }
  /// Commands that were taken and aren't answered.
  [[nodiscard]] std::size_t unanswered() const noexcept { return unanswered_; }

private:
  using clock = runtime::loop::clock;
  enum class phase : std::uint8_t { claiming, serving, leaving, over };
  struct alarm;

  // monitor
  void handled(std::string_view handler, std::chrono::nanoseconds took) override;
  void failed(std::string_view handler, std::string_view why) override;
  void said(std::string_view text) override;
  void forgot_key() override;

  [[nodiscard]] limits limits_now() const;
  void on_claimed(clock::time_point asked, backplane::outcome<backplane::actor_claim> got);
  void run(const command& what);
  bool whole();
  void flush_soon();
  void flush();
  void write(commit what, bool release);
  void on_written(clock::time_point asked, commit what, bool release,
                  backplane::outcome<backplane::actor_written> got);
  void ask_position(commit::reply what);
  void let_out(commit& what, const std::vector<protocol::position>& at);
  void rest();
  void on_alarm();
  void finish(cell_end how, const std::string& holder = {});

  cell_setup with_;
  config::channel_options options_;
  runtime::loop& home_;
  backplane::backplane& plane_;
  cell_port& port_;
  std::unique_ptr<alarm> alarm_;
  std::unique_ptr<instance> actor_;

  phase phase_ = phase::claiming;
  stop_reason leaving_ = stop_reason::idle;
  milliseconds grace_{0};
  std::uint64_t token_ = 0, sequence_ = 0;
  clock::time_point lease_end_{}, renew_at_{}, idle_since_{}, warned_{};
  std::deque<command> waiting_; ///< for the claim
  std::size_t unanswered_ = 0;  ///< commands that were taken
  std::uint64_t commands_ = 0;
  bool writing_ = false, flush_queued_ = false;
  protocol::position last_; ///< of what this actor published last
};

/// Milliseconds since 1970, as actors count their time.
time_point unix_now();

} // namespace plexus::extension
