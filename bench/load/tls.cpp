#include "load/tls.hpp"

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <string>

namespace plexus::bench {
namespace {

constexpr const char* server_name = "localhost";
constexpr timeval ticket_timeout{5, 0};

std::string reason() {
  const auto code = ERR_get_error();
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return text == nullptr ? "the connection ended" : text;
}

int whole(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

} // namespace

void tls_free::operator()(ssl_ctx_st* which) const noexcept {
  SSL_CTX_free(which);
}
void tls_free::operator()(ssl_session_st* which) const noexcept {
  SSL_SESSION_free(which);
}
void tls_free::operator()(ssl_st* which) const noexcept {
  SSL_free(which);
}

bool tls_stream::handshake() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return true;
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return false;
  throw std::runtime_error("no TLS: " + reason());
}

void tls_stream::return_after_tickets() {
  SSL_clear_mode(ssl_.get(), SSL_MODE_AUTO_RETRY);
}

bool tls_stream::resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

std::ptrdiff_t tls_stream::read(char* into, std::size_t size) {
  errno = 0;
  const int got = SSL_read(ssl_.get(), into, whole(size));
  if (got > 0) return got;
  const int error = SSL_get_error(ssl_.get(), got);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  if (error == SSL_ERROR_SYSCALL && errno != 0) return -1;
  ERR_clear_error();
  errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
  return -1;
}

std::ptrdiff_t tls_stream::write(std::string_view bytes) {
  // A record at a time, so one call doesn't say that the socket is full.
  std::size_t written = 0;
  int sent = 0;
  while (written < bytes.size()) {
    sent = SSL_write(ssl_.get(), bytes.data() + written, whole(bytes.size() - written));
    if (sent <= 0) break;
    written += static_cast<std::size_t>(sent);
  }
  if (written > 0) return static_cast<std::ptrdiff_t>(written);
  const int error = SSL_get_error(ssl_.get(), sent);
  ERR_clear_error();
  errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
  return -1;
}

tls_client::tls_client(bool resume, std::uint16_t port) :
    resume_(resume), context_(SSL_CTX_new(TLS_client_method())) {
  if (context_ == nullptr) throw std::runtime_error("OpenSSL: " + reason());
  auto* const context = context_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  if (!resume_) return;
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_sess_set_new_cb(context, &tls_client::keep_ticket);
  get_ticket(port);
}

tls_client::~tls_client() = default;

std::unique_ptr<tls_stream> tls_client::start(int fd) {
  auto* const ssl = SSL_new(context_.get());
  if (ssl == nullptr) throw std::runtime_error("OpenSSL: " + reason());
  auto stream = std::make_unique<tls_stream>(ssl);
  SSL_set_connect_state(ssl);
  if (SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, server_name) != 1)
    throw std::runtime_error("OpenSSL: " + reason());
  if (ticket_.empty()) return stream;
  const auto* at = ticket_.data();
  const std::unique_ptr<ssl_session_st, tls_free> own(
      d2i_SSL_SESSION(nullptr, &at, static_cast<long>(ticket_.size())));
  if (own == nullptr || SSL_set_session(ssl, own.get()) != 1) throw std::runtime_error("OpenSSL: " + reason());
  return stream;
}

// Kept as bytes: OpenSSL lets a session be used by one connection only. 0: the session stays OpenSSL's.
int tls_client::keep_ticket(ssl_st* from, ssl_session_st* ticket) {
  auto* const self = static_cast<tls_client*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(from)));
  const int size = i2d_SSL_SESSION(ticket, nullptr);
  self->ticket_.resize(static_cast<std::size_t>(std::max(0, size)));
  if (auto* at = self->ticket_.data(); size > 0) i2d_SSL_SESSION(ticket, &at);
  return 0;
}

// Tickets come behind the handshake, so something has to be read.
void tls_client::get_ticket(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ticket_timeout, sizeof ticket_timeout);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  std::string fault = connected ? "" : "no connection";
  try {
    if (connected) {
      const auto stream = start(fd);
      stream->return_after_tickets();
      char byte = 0;
      if (stream->handshake()) stream->read(&byte, 1);
    }
  } catch (const std::runtime_error& failed) {
    fault = failed.what();
  }
  ::close(fd);
  if (ticket_.empty()) throw std::runtime_error("--resume: no ticket from the server. " + fault);
}

} // namespace plexus::bench
