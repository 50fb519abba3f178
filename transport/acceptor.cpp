#include "transport/acceptor.hpp"

#include "actors/runtime/log.hpp"
#include "transport/transport_metrics.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace plexus::transport {

namespace {
constexpr int accepts_at_once = 16; // a storm of new clients must not starve those that are here
constexpr std::chrono::milliseconds pause_without_descriptors{100};
} // namespace

acceptor::acceptor(runtime::loop& home, const std::vector<loop_transport*>& loops, const std::string& address,
                   std::uint16_t port, bool internal, std::size_t max_sockets, int inherited) :
    home_(home), loops_(loops), listener_(home.context()), internal_(internal), max_sockets_(max_sockets) {
  if (inherited < 0) {
    open(address, port);
  } else {
    sockaddr_storage here{};
    socklen_t length = sizeof here;
    if (::getsockname(inherited, reinterpret_cast<sockaddr*>(&here), &length) != 0 ||
        (here.ss_family != AF_INET && here.ss_family != AF_INET6))
      throw std::runtime_error("the socket that this process was given is no TCP socket");
    listener_.assign(here.ss_family == AF_INET6 ? boost::asio::ip::tcp::v6() : boost::asio::ip::tcp::v4(),
                     inherited);
  }
  listener_.non_blocking(true);
  port_ = listener_.local_endpoint().port();
}

void acceptor::open(const std::string& address, std::uint16_t port) {
  boost::system::error_code failed;
  auto ip = boost::asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, failed);
  if (failed) throw std::runtime_error("\"" + address + "\" is not an IP address to listen on");
  boost::asio::ip::tcp::endpoint where(ip, port);
  listener_.open(where.protocol());
  listener_.set_option(boost::asio::socket_base::reuse_address(true));
  listener_.bind(where, failed);
  if (!failed) listener_.listen(backlog, failed);
  if (failed)
    throw std::runtime_error("cannot listen on " + address + ":" + std::to_string(port) + ": " + failed.message());
}

void acceptor::start() {
  wait();
}

void acceptor::stop() {
  pause_.disarm();
  if (!listener_.is_open()) return;
  // Taken out of epoll before it is closed: the socket lives on where another process has it, and its events with
  // it.
  boost::system::error_code ignored;
  ::close(listener_.release(ignored));
}

void acceptor::wait() {
  listener_.async_wait(boost::asio::socket_base::wait_read, [this](const boost::system::error_code& failed) {
    if (!failed) accept_patiently();
  });
}

// Behind the ends of connections that are waiting, so that their places are free.
void acceptor::accept_patiently() {
  home_.patiently([this] { accept_some(); });
}

void acceptor::accept_some() {
  if (!listener_.is_open()) return;
  for (int i = 0; i < accepts_at_once; ++i) {
    // Not through Asio: it would register the socket with this loop before another one takes it.
    auto descriptor = ::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return wait();
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        warn("no descriptor for a new connection; waiting a moment");
        home_.arm(pause_, home_.now() + pause_without_descriptors);
        return;
      }
      continue; // that client is gone already
    }
    metrics::accepted.add();
    int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::size_t total = 0;
    loop_transport* fewest = loops_.front();
    for (auto* l : loops_) {
      total += l->sockets;
      if (l->sockets < fewest->sockets) fewest = l;
    }
    if (total >= max_sockets_) {
      refuse(descriptor);
      continue;
    }
    ++fewest->sockets;
    if (fewest->home().here())
      fewest->adopt_socket(descriptor, internal_);
    else
      fewest->home().post(
          [fewest, descriptor, internal = internal_] { fewest->adopt_socket(descriptor, internal); });
  }
  accept_patiently();
}

void acceptor::refuse(int descriptor) {
  static constexpr std::string_view text =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 51\r\nRetry-After: 1\r\n"
      "Connection: close\r\n\r\nThis node has as many connections as it may have.\r\n";
  metrics::refused.add(1, metrics::at_the_limit);
  warn("as many connections as open files allow; refused");
  // In clear it would be no answer to who begins a TLS handshake; here is the thread of loops_.front().
  if (!internal_ && loops_.front()->front().tls) {
    ::close(descriptor);
    return;
  }
  [[maybe_unused]] auto sent = ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(descriptor, SHUT_WR);
  ::close(descriptor);
}

void acceptor::warn(std::string_view event) {
  ++unsaid_;
  const auto now = home_.now();
  if (now - warned_ < std::chrono::seconds(1)) return;
  warned_ = now;
  runtime::log::warn("transport", event,
                     {{"times", std::exchange(unsaid_, 0)}, {"port", internal_ ? "internal" : "public"}});
}

} // namespace plexus::transport
