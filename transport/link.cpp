#include "transport/link.hpp"

#include "actors/runtime/log.hpp"
#include "transport/fetch.hpp"
#include "transport/link_front.hpp"
#include "transport/link_owner.hpp"
#include "transport/transport_metrics.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace plexus::transport {

namespace {
// So many reads of one socket at once; then the others have theirs.
constexpr int reads_at_once = 4;
} // namespace

link::link(link_owner& owner, int socket) : owner_(owner), socket_(socket) {
  owner_.adopt(*this);
}

link::~link() = default;

void link::enter(std::unique_ptr<stage> next) {
  if (stage_) owner_.retire(std::move(stage_));
  stage_ = std::move(next);
}

void link::start_reading() {
  reading_ = true;
  watch();
}

void link::resume_reading() {
  paused_ = false;
  if (front_ && front_->ended) {
    // Not at once: whoever resumes may be in the middle of something.
    owner_.home().defer([self = link_ptr(this)] { self->end_of_input(); });
    return;
  }
  if (ending_)
    owner_.home().patiently([self = link_ptr(this)] { self->read_to_the_end(); });
  else
    watch();
}

void link::watch() {
  if (state_ == state::closed) return;
  const bool held_back = paused_ && state_ == state::open;
  const bool reads = reading_ && !ending_ && !peer_done_ && !held_back;
  if (owner_.home().sockets().watch(socket_, *this, reads, blocked_)) return;
  runtime::log::error("transport", "no memory to watch a connection, which was closed", {{"peer", peer()}});
  abort();
}

void link::settle() noexcept {
  if (state_ != state::closed) owner_.home().sockets().settle(socket_);
}

void link::ready(bool readable, bool writable, bool ended) {
  const link_ptr keep(this);
  if (writable && blocked_) {
    blocked_ = false;
    mark_dirty();
  }
  if (ended && reading_ && !ending_ && !peer_done_) {
    // An end takes longer than a read: when thousands leave at once, those who are here don't wait for them.
    ending_ = true;
    owner_.home().patiently([self = keep] { self->read_to_the_end(); });
  } else if (ended) {
    abort(); // nothing more was asked for than space, and there won't be any
    return;
  }
  if (readable) on_readable();
  watch();
}

void link::read_to_the_end() {
  on_readable();
  if (state_ == state::closed || peer_done_ || (paused_ && state_ == state::open)) return;
  owner_.home().patiently([self = link_ptr(this)] { self->read_to_the_end(); });
}

template <class F>
void link::call_stage(F&& work) {
  if (!stage_) return;
  try {
    work();
  } catch (const std::exception& e) {
    metrics::failures.add();
    runtime::log::error("transport", "a connection failed and was closed", {{"error", e.what()}});
    abort();
  }
}

void link::on_readable() {
  for (int i = 0; i < reads_at_once && state_ != state::closed && !peer_done_; ++i) {
    if (paused_ && state_ == state::open) return; // `resume_reading` goes on from here
    auto buffer = owner_.read_buffer();
    auto got = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got == 0) {
      on_peer_done();
      return;
    }
    if (got < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return;
      abort();
      return;
    }
    metrics::bytes_in.add(static_cast<std::uint64_t>(got));
    received_ += static_cast<std::uint64_t>(got);
    take(buffer.first(static_cast<std::size_t>(got)));
    if (static_cast<std::size_t>(got) < buffer.size()) return;
  }
}

void link::take(std::span<char> bytes) {
  if (state_ != state::open) return;
  if (front_)
    take_in_front(bytes);
  else
    hand_over(bytes);
}

void link::hand_over(std::span<char> bytes) {
  call_stage([&] { stage_->on_bytes(bytes); });
}

outbound::result link::write_out() {
  if (front_ && front_->tls) return write_secure();
  auto before = out_.size();
  auto how = out_.write_to(socket_);
  metrics::bytes_out.add(before - out_.size());
  sent_ += before - out_.size();
  return how;
}

void link::mark_dirty() {
  if (dirty_ || state_ == state::closed) return;
  dirty_ = true;
  owner_.add_dirty(*this);
}

void link::write_last(segment s) {
  std::size_t done = 0;
  auto straight = !front_ || !front_->tls;
  if (straight && out_.empty() && !dirty_ && !held_ && !blocked_ && state_ == state::open) {
    auto sent = ::send(socket_, s.data->bytes.data() + s.from, s.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) done = static_cast<std::size_t>(sent);
    metrics::bytes_out.add(done);
    sent_ += done;
    if (done == s.size()) return;
    // The rest, and what a failure means, is the queue's business.
    out_.append_rest(std::move(s), done);
  } else {
    out_.append(std::move(s));
  }
  mark_dirty();
}

void link::hold(bool on) {
  held_ = on;
  if (!on) mark_dirty();
}

void link::flush() {
  dirty_ = false;
  if (state_ == state::closed || held_ || blocked_) {
    if (blocked_) check_slow();
    // Held back, it is no slow reader that could catch up: what waits for it has outgrown its bound.
    if (held_ && state_ == state::open && is_behind()) call_stage([this] { stage_->on_overload(); });
    return;
  }
  write();
}

void link::write() {
  switch (write_out()) {
  case outbound::result::drained:
    if (std::exchange(behind_, false)) {
      dirty_ = true; // what the stage appends is written here
      call_stage([this] { stage_->on_caught_up(); });
      dirty_ = false;
      if (state_ != state::closed && !out_.empty()) {
        write();
        return;
      }
    }
    if (state_ != state::finishing) return;
    if (peer_done_)
      abort();
    else
      ::shutdown(socket_, SHUT_WR);
    return;
  case outbound::result::failed:
    abort();
    return;
  case outbound::result::blocked:
    break;
  }
  blocked_ = true;
  watch();
  if (!std::exchange(behind_, true)) call_stage([this] { stage_->on_blocked(); });
  check_slow();
}

// A large reply waits because it is large: what a reader doesn't keep up with is what it hasn't asked for.
bool link::is_behind() const noexcept {
  const auto most = owner_.max_queue();
  return out_.size() > most && out_.unasked() > most;
}

void link::check_slow() {
  if (state_ == state::open && is_behind()) call_stage([this] { stage_->on_slow(); });
}

std::uint64_t link::arrived() const noexcept {
  int in_kernel = 0;
  if (socket_ < 0 || ::ioctl(socket_, SIOCOUTQ, &in_kernel) != 0 || in_kernel < 0) return sent_;
  return sent_ - std::min(sent_, static_cast<std::uint64_t>(in_kernel));
}

void link::overload() {
  if (state_ != state::open) return;
  call_stage([this] { stage_->on_overload(); });
  // What is encrypted can't be dropped: its memory comes back with the connection's end, and that is now.
  if (owes()) abort();
}

void link::finish() {
  if (state_ != state::open) return;
  state_ = state::finishing;
  held_ = false;
  end_stage();
  set_timer(linger);
  reading_ = true;
  mark_dirty();
  if (!ending_)
    watch();
  else if (!peer_done_)
    owner_.home().patiently([self = link_ptr(this)] { self->read_to_the_end(); });
}

// TLS says that the peer has said all; the socket's own end is still to come.
void link::end_of_input() {
  bool stage_ends = false;
  if (state_ == state::open) call_stage([&] { stage_ends = stage_->on_half_closed(); });
  if (!stage_ends) finish();
}

// The peer sends nothing any more. It may still read: what is queued goes out before the end.
void link::on_peer_done() {
  peer_done_ = true;
  bool stage_ends = false;
  if (state_ == state::open) call_stage([&] { stage_ends = stage_->on_half_closed(); });
  if (stage_ends || state_ == state::closed) return;
  if (out_.empty() && !owes())
    abort();
  else
    finish();
}

void link::abort() {
  if (state_ == state::closed) return;
  state_ = state::closed;
  link_ptr keep(this);
  count_unfinished(handshake_gone);
  end_stage();
  disarm();
  out_.clear();
  if (front_ && front_->tls) front_->tls->drop_unsent();
  owner_.home().sockets().forget(socket_);
  ::close(std::exchange(socket_, -1));
  owner_.forget(*this);
}

void link::end_stage() {
  if (!stage_) return;
  auto ended = std::move(stage_);
  ended->on_end();
  owner_.retire(std::move(ended));
}

void link::set_timer(std::chrono::milliseconds from_now) {
  owner_.home().arm(*this, owner_.home().now() + from_now);
}

void link::expired() {
  link_ptr keep(this);
  count_unfinished(handshake_timeout);
  if (state_ == state::finishing)
    abort();
  else
    call_stage([this] { stage_->on_timer(); });
}

void link_owner::forget(link& l) {
  links_.erase(link_ptr(&l));
  on_closed();
}

void link_owner::flush_links() {
  flushing_.swap(dirty_);
  for (std::size_t i = 0; i < flushing_.size(); ++i) {
    if (i + 1 < flushing_.size()) fetch(flushing_[i + 1]->written_with()); // while this one is written
    flushing_[i]->flush();
  }
  flushing_.clear();
  retired_.clear();
}

std::size_t link_owner::largest_queue() const noexcept {
  std::size_t largest = 0;
  for (auto& l : links_)
    if (l->open()) largest = std::max(largest, l->waiting());
  return largest;
}

std::vector<link_ptr> link_owner::largest_queues() const {
  std::vector<link_ptr> all;
  for (auto& l : links_)
    if (l->open() && l->waiting() > 0) all.push_back(l);
  std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a->waiting() > b->waiting(); });
  return all;
}

void link_owner::abort_all() {
  std::vector<link_ptr> all(links_.begin(), links_.end());
  for (auto& l : all) l->abort();
}

} // namespace plexus::transport
