#pragma once
// One TCP connection on its loop: reads into the loop's shared buffer, hands the bytes to its stage (HTTP first,
// WebSocket after the upgrade), and writes its queue at the end of the turn.
//
// Between the socket and everything else there are two places, `take` and `write_out`; what only some connections
// have, a PROXY header before all else and TLS, sits there (link_front.cpp). A plain one pays a null check for it.

#include "actors/runtime/poller.hpp"
#include "actors/runtime/timer_wheel.hpp"
#include "config/network.hpp"
#include "transport/outbound.hpp"
#include "transport/tls/context.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <cstdint>
#include <memory>
#include <span>

namespace plexus::transport {

class link;
class link_owner;

/// What a connection speaks at the moment.
class stage {
public:
  virtual ~stage() = default;
  /// Bytes came. They may be changed; they are gone when this returns.
  virtual void on_bytes(std::span<char> bytes) = 0;
  /// The peer sends nothing any more, but may still read. True: the stage ends the link by itself; else it ends as
  /// soon as what is queued is written.
  virtual bool on_half_closed() { return false; }
  /// The peer is gone, or `link::abort` was called. The last call.
  virtual void on_end() = 0;
  /// More waits for the peer than `link_owner::max_queue` allows.
  virtual void on_slow() = 0;
  /// All queues together are over their bound, and this one is the largest: it has to go.
  virtual void on_overload() { on_slow(); }
  /// The socket takes no more: what is appended waits in memory.
  virtual void on_blocked() {}
  /// What waited is written, and the socket takes more. What is appended now is written at once.
  virtual void on_caught_up() {}
  /// The timer that was set through `link::set_timer` is due.
  virtual void on_timer() = 0;
};

/// Kept alive by its owner until it is closed.
class link final : public boost::intrusive_ref_counter<link, boost::thread_unsafe_counter>,
                   private runtime::timer,
                   private runtime::pollable {
public:
  /// Owns `socket`, which is non-blocking.
  link(link_owner& owner, int socket);
  ~link() override;

  /// Takes over the conversation; the stage before is destroyed at the end of the turn: it may be on the stack.
  void enter(std::unique_ptr<stage> next);
  /// Before `start_reading`: the peer is a proxy that says first whose connection this is.
  void expect_proxy_header();
  /// Before `start_reading`: TLS, behind that header.
  void secure(tls::context_ptr with);
  void start_reading();
  /// While paused, bytes wait in the kernel.
  void pause_reading() noexcept { paused_ = true; }
  void resume_reading();
  /// Its peer was let in: from now on it goes before those that are new.
  void settle() noexcept;

  /// What is to be written; after changing it call `mark_dirty`.
  [[nodiscard]] outbound& out() noexcept { return out_; }
  /// Written at the end of the turn.
  void mark_dirty();
  /// Writes `s` now, without a detour through the queue, where nothing else waits; else it is queued. For what ends
  /// a turn: nothing may follow it there.
  void write_last(segment s);
  /// Nothing is written while held.
  void hold(bool on);
  [[nodiscard]] bool held() const noexcept { return held_; }

  /// End of the conversation: what is queued is still written, then the socket is closed once the peer has, at the
  /// latest after `linger`. Bytes that still come are dropped. The stage hears nothing any more.
  void finish();
  /// At once.
  void abort();
  /// The queues are over their bound together and this one is to go.
  void overload();

  void set_timer(std::chrono::milliseconds from_now);
  void clear_timer() noexcept { disarm(); }
  [[nodiscard]] bool open() const noexcept { return state_ == state::open; }
  /// Whose connection it is, with the port where that is known; for the log. Empty when the peer is gone.
  [[nodiscard]] std::string peer() const;
  /// The same without the port: as the PROXY header says, else the socket's other end.
  [[nodiscard]] config::ip_address address() const;
  /// Whose the request is that came over it now, as a proxy says; it is `client` until another one comes.
  void name_client(const config::ip_address& who);
  [[nodiscard]] config::ip_address client() const;
  /// It was counted as a connect of its address already, before it said anything.
  [[nodiscard]] bool counted() const noexcept;
  void set_counted(bool yes);
  [[nodiscard]] link_owner& owner() const noexcept { return owner_; }
  /// Bytes that passed the socket so far, and whether they were TLS.
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  [[nodiscard]] bool is_secure() const noexcept;
  /// Bytes that were to pass it so far, and how many the peer's machine has acknowledged; about, where it is TLS.
  [[nodiscard]] std::uint64_t queued() const noexcept { return sent_ + waiting(); }
  [[nodiscard]] std::uint64_t arrived() const noexcept;

  /// Where the memory begins that a write looks at; it ends within two lines of the cache.
  [[nodiscard]] const void* written_with() const noexcept { return &socket_; }

private:
  friend class link_owner;
  enum class state : std::uint8_t { open, finishing, closed };
  static constexpr std::chrono::milliseconds linger{3000};

  void expired() override;
  void ready(bool readable, bool writable, bool ended) override;
  /// Tells the poller what is waited for.
  void watch();
  void on_readable();
  /// The poller said `ended`, or the last read did; not at once.
  void read_to_the_end();
  void take(std::span<char> bytes);
  void hand_over(std::span<char> bytes);
  [[nodiscard]] outbound::result write_out();
  void on_peer_done();
  void end_of_input();
  void flush();
  void write();
  void check_slow();
  [[nodiscard]] bool is_behind() const noexcept;
  /// Calls the stage; it may end or replace itself meanwhile. What it throws ends this connection only.
  template <class F>
  void call_stage(F&& work);
  void end_stage();

  struct front_state;
  front_state& front();
  void take_in_front(std::span<char> bytes);
  void take_secure(std::span<char> bytes);
  outbound::result write_secure();
  void on_tls_fault();
  void count_unfinished(std::size_t why) noexcept;
  [[nodiscard]] bool owes() const noexcept;
  /// Bytes that wait for the socket, in whatever form.
  [[nodiscard]] std::size_t waiting() const noexcept;

  link_owner& owner_;
  int socket_;
  std::unique_ptr<stage> stage_;
  std::unique_ptr<front_state> front_; ///< null: a plain connection that is its peer's
  outbound out_;
  std::uint64_t received_ = 0, sent_ = 0;
  state state_ = state::open;
  bool paused_ = false;
  bool reading_ = false; ///< bytes are waited for
  bool ending_ = false;  ///< the poller said `ended`: what is left is read when there is time
  bool blocked_ = false; ///< space is waited for
  bool behind_ = false;  ///< from the first `on_blocked` until `on_caught_up`
  bool dirty_ = false;
  bool peer_done_ = false; ///< it has sent its FIN
  bool held_ = false;
};

using link_ptr = boost::intrusive_ptr<link>;

} // namespace plexus::transport
