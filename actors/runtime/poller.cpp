#include "actors/runtime/poller.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace plexus::runtime {

namespace {

constexpr int looked_at_once = 512;
constexpr std::size_t told_at_once = 64; // then others on the loop have their turn
constexpr std::size_t new_at_once = 16;  // each takes longer: a handshake, a token, subscriptions
constexpr std::uint32_t end_events = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

int make_epoll() {
  const auto made = ::epoll_create1(EPOLL_CLOEXEC);
  if (made < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return made;
}

} // namespace

struct poller::alarm {
  alarm(boost::asio::io_context& context, int epoll) : descriptor(context, epoll) {}
  boost::asio::posix::stream_descriptor descriptor; ///< owns the epoll
  bool set = false;
};

poller::poller(boost::asio::io_context& context) :
    epoll_(make_epoll()), alarm_(std::make_unique<alarm>(context, epoll_)) {}

poller::~poller() = default;

bool poller::ask(int how, int socket, const watched& known) noexcept {
  epoll_event event{};
  event.events = known.mask;
  event.data.u64 = static_cast<std::uint64_t>(known.generation) << 32 | static_cast<std::uint32_t>(socket);
  return ::epoll_ctl(epoll_, how, socket, &event) == 0;
}

bool poller::watch(int socket, pollable& who, bool readable, bool writable) {
  const auto at = static_cast<std::size_t>(socket);
  if (sockets_.size() <= at) sockets_.resize(at + 1);
  auto& known = sockets_[at];
  const std::uint32_t in = EPOLLIN | EPOLLRDHUP, out = EPOLLOUT;
  const auto mask = static_cast<std::uint16_t>((readable ? in : 0U) | (writable ? out : 0U));
  const auto before = std::exchange(known.mask, mask);
  known.who = &who;
  if (before == mask || known.parked) return true;
  // An end is said whether it is asked for or not, so a socket that nothing is asked of leaves.
  const int how = mask == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (!ask(how, socket, known)) {
    known.mask = before;
    return false;
  }
  if (how == EPOLL_CTL_ADD) ++count_;
  if (how == EPOLL_CTL_DEL) --count_;
  return true;
}

void poller::settle(int socket) noexcept {
  if (const auto at = static_cast<std::size_t>(socket); at < sockets_.size()) sockets_[at].settled = true;
}

void poller::forget(int socket) noexcept {
  const auto at = static_cast<std::size_t>(socket);
  if (at >= sockets_.size()) return;
  auto& known = sockets_[at];
  if (known.mask != 0 && !known.parked) {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
    --count_;
  }
  const auto next = known.generation + 1;
  known = {};
  known.generation = next;
}

poller::watched* poller::find(const seen& what) noexcept {
  auto& known = sockets_[static_cast<std::size_t>(what.socket)];
  return known.who && known.generation == what.generation ? &known : nullptr;
}

void poller::look() {
  std::array<epoll_event, looked_at_once> events;
  do {
    const auto found = ::epoll_wait(epoll_, events.data(), looked_at_once, 0);
    more_ = found == looked_at_once;
    for (int i = 0; i < found; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      const seen what{static_cast<int>(event.data.u64 & 0xffffffffU),
                      static_cast<std::uint32_t>(event.data.u64 >> 32), event.events};
      auto* known = find(what);
      if (!known) continue;
      if ((what.events & end_events) != 0)
        known->who->ready(false, (what.events & EPOLLOUT) != 0, true);
      else if (known->settled)
        ready_.push_back(what);
      else
        park(*known, what);
    }
    // Whoever is here may be behind all those who come or go.
  } while (more_ && ready_.empty());
}

void poller::park(watched& known, const seen& what) {
  if (!ask(EPOLL_CTL_DEL, what.socket, known)) return; // it is found again
  --count_;
  known.parked = true;
  parked_.push_back(what);
}

void poller::tell(const seen& what) {
  auto* known = find(what);
  if (!known) return;
  if (std::exchange(known->parked, false) && known->mask != 0) {
    if (!ask(EPOLL_CTL_ADD, what.socket, *known)) {
      known->mask = 0; // its owner's next question fails, and says so
    } else {
      ++count_;
    }
  }
  const auto asked = what.events & known->mask;
  if (asked != 0) known->who->ready((asked & EPOLLIN) != 0, (asked & EPOLLOUT) != 0, false);
}

std::size_t poller::poll_some() {
  if (next_ == ready_.size()) {
    ready_.clear();
    next_ = 0;
    if (count_ > 0) look();
  }
  std::size_t told = 0;
  for (; told < told_at_once && next_ < ready_.size(); ++told) tell(ready_[next_++]);
  for (std::size_t fresh = 0; fresh < new_at_once && !parked_.empty(); ++fresh, ++told) {
    const auto what = parked_.front();
    parked_.pop_front();
    tell(what);
  }
  return told;
}

bool poller::sleep() {
  if (more_ || next_ < ready_.size() || !parked_.empty()) return false;
  if (!alarm_->set && count_ > 0) {
    alarm_->set = true;
    alarm_->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                  [this](const boost::system::error_code& failed) {
                                    if (!failed) alarm_->set = false;
                                  });
  }
  return true;
}

} // namespace plexus::runtime
