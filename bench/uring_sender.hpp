#pragma once
// Many sends with few system calls, through io_uring: what `kernel_limit --send uring` tries beside a call each.

#ifdef PLEXUS_BENCH_URING
#include <liburing.h>
#endif

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace plexus::bench {

#ifdef PLEXUS_BENCH_URING

class uring_sender {
public:
  explicit uring_sender(bool zero_copy) : zero_copy_(zero_copy) {
    io_uring_params how{};
    how.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    how.cq_entries = 4 * entries;
    if (const int failed = io_uring_queue_init_params(entries, &ring_, &how); failed < 0)
      throw std::runtime_error(std::string("io_uring: ") + std::strerror(-failed));
  }
  ~uring_sender() { io_uring_queue_exit(&ring_); }
  uring_sender(const uring_sender&) = delete;
  uring_sender& operator=(const uring_sender&) = delete;

  /// `bytes` must stay until `finish`.
  void add(int fd, std::string_view bytes, void* who) {
    auto* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) {
      io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    if (zero_copy_)
      io_uring_prep_send_zc(entry, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT, 0);
    else
      io_uring_prep_send(entry, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    io_uring_sqe_set_data(entry, who);
    ++under_way_;
  }

  /// Waits for all; `done(who, bytes or -errno)` for each.
  template <class F>
  void finish(const F& done) {
    while (under_way_ > 0) {
      io_uring_submit_and_wait(&ring_, 1);
      io_uring_cqe* entry = nullptr;
      unsigned head = 0, seen = 0;
      io_uring_for_each_cqe(&ring_, head, entry) {
        ++seen;
        // With zero copy a second one says that the bytes may go.
        if ((entry->flags & IORING_CQE_F_NOTIF) == 0) done(io_uring_cqe_get_data(entry), entry->res);
        if ((entry->flags & IORING_CQE_F_MORE) == 0) --under_way_;
      }
      io_uring_cq_advance(&ring_, seen);
    }
  }

private:
  static constexpr unsigned entries = 1024;
  io_uring ring_{};
  bool zero_copy_;
  std::size_t under_way_ = 0;
};

#else

class uring_sender {
public:
  explicit uring_sender(bool) {
    throw std::runtime_error("built without io_uring: install liburing-dev and build again");
  }
  void add(int, std::string_view, void*) {}
  template <class F>
  void finish(const F&) {}
};

#endif

} // namespace plexus::bench
