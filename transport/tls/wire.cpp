#include "transport/tls/wire.hpp"

#include "transport/transport_metrics.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace plexus::transport::tls {

namespace {

constexpr std::size_t record_size = 16'384;
// Encrypted ahead of the socket; the rest of what waits stays in the queue, where it is bounded and can be dropped.
constexpr std::size_t bytes_a_send = 65'536;
// Who makes us answer (key updates, refused renegotiations) and reads none of it.
constexpr std::size_t max_unsent = 2 * bytes_a_send;

// Memory of the last connection that had something to send, for the next one.
thread_local std::string spare;

} // namespace

/// OpenSSL's view of the socket.
struct wire_io {
  static int read(BIO* bio, char* to, int size) {
    auto& in = static_cast<wire*>(BIO_get_data(bio))->in_;
    BIO_clear_retry_flags(bio);
    if (in.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    auto count = std::min(in.size(), static_cast<std::size_t>(size));
    std::memcpy(to, in.data(), count);
    in = in.subspan(count);
    return static_cast<int>(count);
  }

  static int write(BIO* bio, const char* from, int size) {
    auto& of = *static_cast<wire*>(BIO_get_data(bio));
    auto& unsent = of.unsent_;
    BIO_clear_retry_flags(bio);
    if (unsent.capacity() < spare.capacity() && unsent.empty()) unsent.swap(spare);
    unsent.append(from, static_cast<std::size_t>(size));
    of.count();
    return size;
  }

  static long control(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "plexus");
      BIO_meth_set_read(m, read);
      BIO_meth_set_write(m, write);
      BIO_meth_set_ctrl(m, control);
      BIO_meth_set_create(m, [](BIO* bio) {
        BIO_set_init(bio, 1);
        return 1;
      });
      return m;
    }();
    return made;
  }
};

wire::wire(context_ptr with) : with_(std::move(with)), ssl_(SSL_new(with_->native())) {
  auto* bio = ssl_ ? BIO_new(wire_io::method()) : nullptr;
  if (!bio) {
    SSL_free(ssl_);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
}

wire::~wire() {
  SSL_free(ssl_);
  chunk::held -= counted_;
}

void wire::drop_unsent() noexcept {
  std::string().swap(unsent_);
  sent_of_it_ = 0;
  count();
}

void wire::count() noexcept {
  const auto now = unsent_.empty() ? 0 : static_cast<std::int64_t>(unsent_.capacity());
  chunk::held += now - counted_;
  counted_ = now;
}

wire::input wire::read(std::span<char> into, std::size_t& got) {
  got = 0;
  if (unsent() > max_unsent) {
    fault_ = "it doesn't read what it makes the node answer";
    return input::failed;
  }
  ERR_clear_error();
  auto good = SSL_read_ex(ssl_, into.data(), into.size(), &got);
  if (!established_ && SSL_is_init_finished(ssl_)) {
    established_ = true;
    metrics::tls_handshakes.add(1, resumed() ? 1 : 0);
  }
  if (good == 1) return input::bytes;
  in_ = {}; // used up, or of no use any more
  switch (SSL_get_error(ssl_, good)) {
  case SSL_ERROR_WANT_READ:
    return input::empty;
  case SSL_ERROR_ZERO_RETURN:
    return input::ended;
  default:
    break;
  }
  const auto* reason = ERR_reason_error_string(ERR_peek_last_error());
  fault_ = reason ? reason : "broken";
  ended_ = true; // nothing may be said after a fatal alert
  return input::failed;
}

// One record of what waits. Always taken whole: it goes to `unsent_`.
bool wire::encrypt(outbound& queue) {
  static thread_local std::array<char, record_size> scratch;
  auto piece = queue.front(scratch);
  std::size_t written = 0;
  ERR_clear_error();
  if (SSL_write_ex(ssl_, piece.data(), piece.size(), &written) != 1) {
    fault_ = "it can't be written to";
    return false;
  }
  queue.consume(written);
  return true;
}

outbound::result wire::write(outbound& queue, int socket, std::size_t& sent) {
  sent = 0;
  for (;;) {
    while (established_ && !ended_ && !queue.empty() && unsent_.size() < bytes_a_send)
      if (!encrypt(queue)) return outbound::result::failed;
    if (unsent_.empty()) return outbound::result::drained;
    auto how = send(socket, sent);
    if (how != outbound::result::drained) return how;
  }
}

outbound::result wire::send(int socket, std::size_t& sent) {
  while (sent_of_it_ < unsent_.size()) {
    auto count =
        ::send(socket, unsent_.data() + sent_of_it_, unsent_.size() - sent_of_it_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? outbound::result::blocked : outbound::result::failed;
    }
    sent_of_it_ += static_cast<std::size_t>(count);
    sent += static_cast<std::size_t>(count);
  }
  unsent_.clear();
  sent_of_it_ = 0;
  if (unsent_.capacity() > spare.capacity()) spare.swap(unsent_);
  std::string().swap(unsent_);
  count();
  return outbound::result::drained;
}

void wire::say_end() {
  if (ended_ || !established_) return;
  ended_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

bool wire::resumed() const noexcept {
  return SSL_session_reused(ssl_) == 1;
}

} // namespace plexus::transport::tls
