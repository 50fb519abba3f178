#include "load/swarm.hpp"

#include "load/process.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace plexus::bench {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

// A stale event of a socket that a handler has closed must not reach the connection that has the slot now.
std::uint64_t ticket(const client& which) {
  return which.serial << 32 | which.slot;
}

sockaddr_in loopback(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(host);
  return address;
}

int open_socket(std::uint32_t source_host, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // The port is chosen at connect, when the whole four-tuple is known, so that each source has all of them.
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  const auto source = loopback(source_host, 0);
  const auto target = loopback(INADDR_LOOPBACK, port);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) fail("bind");
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0 && errno != EINPROGRESS) {
    fail("connect");
  }
  return fd;
}

std::string close_reason(const frame& in) {
  if (in.payload.size() < 2) return "closed without a code";
  const auto high = static_cast<std::uint8_t>(in.payload[0]);
  const auto low = static_cast<std::uint8_t>(in.payload[1]);
  return "closed with " + std::to_string(high << 8 | low) + " " + std::string(in.payload.substr(2));
}

} // namespace

std::size_t phase::on_bytes(swarm& all, client& which, std::string_view bytes) {
  std::size_t used = 0;
  while (const auto in = next_frame(bytes.substr(used))) {
    all.answer_ping(which, *in);
    used += in->size;
  }
  return used;
}

void phase::on_lost(swarm&, client& which, const std::string& why) {
  throw std::runtime_error("connection " + std::to_string(which.serial) + ": " + why);
}

std::uint16_t phase::port(const options& what, const client&) {
  return what.port;
}

std::string phase::subscribe_command(const options& what, const client& which) {
  const auto number = what.channels == 0 ? which.serial : which.serial % what.channels;
  const auto channel = what.channels == 1 ? std::string("bench:room") : "bench:room" + std::to_string(number);
  return dialect(what.protobuf).subscribe(channel);
}

swarm::swarm(const options& what, phase& owner, std::size_t slots) :
    what_(what),
    owner_(owner),
    words_(what.protobuf),
    request_(upgrade_request(what.port,
                             what.socket_io ? "/socket.io/?EIO=4&transport=websocket" : "/connection/websocket",
                             words_.subprotocol())),
    epoll_(::epoll_create1(EPOLL_CLOEXEC)),
    deadline_(now_seconds() + what.timeout),
    clients_(slots),
    buffer_(std::size_t{256} * 1024),
    events_(1024) {
  if (epoll_ < 0) fail("epoll_create1");
  if (what.tls) tls_ = std::make_unique<tls_client>(what.resume, what.port);
  for (std::size_t i = 0; i < slots; ++i) clients_[i].slot = static_cast<std::uint32_t>(i);
}

swarm::~swarm() {
  for (auto& each : clients_) {
    if (each.fd >= 0) ::close(each.fd);
  }
  ::close(epoll_);
}

void swarm::dial(client& slot, bool subscribes, std::size_t node) {
  slot.serial = dialed_++;
  slot.subscribes = subscribes;
  slot.node = node;
  slot.fd = open_socket(INADDR_LOOPBACK + 256U + static_cast<std::uint32_t>(slot.serial % what_.sources),
                        owner_.port(what_, slot));
  slot.at = stage::dialing;
  ++opening_;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = ticket(slot);
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, slot.fd, &event) != 0) fail("epoll_ctl");
}

void swarm::send(client& to, std::string_view bytes) {
  if (to.unsent.empty()) {
    const auto sent = write_some(to, bytes);
    if (sent < 0 && errno != EAGAIN) return; // the end is read from the socket, with what came before it
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  to.unsent.append(bytes);
}

void swarm::close(client& which, bool clean) {
  if (!clean) {
    forget(which);
    owner_.on_closed(*this, which);
    return;
  }
  std::string out;
  append_frame(out, op_close, std::string_view("\x03\xe8", 2));
  send(which, out);
  which.at = stage::closing;
}

void swarm::turn(double seconds) {
  const timespec wait{static_cast<time_t>(seconds), static_cast<long>((seconds - std::floor(seconds)) * 1e9)};
  const int count = ::epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &wait, nullptr);
  if (count < 0 && errno != EINTR) fail("epoll_pwait2");
  for (int i = 0; i < count; ++i) {
    const auto& event = events_[static_cast<std::size_t>(i)];
    auto& which = clients_[static_cast<std::uint32_t>(event.data.u64)];
    if (which.fd >= 0 && ticket(which) == event.data.u64) handle(which, event.events);
  }
}

void swarm::check_time(const char* what) const {
  if (now_seconds() > deadline_) throw std::runtime_error(std::string("out of time: ") + what);
}

void swarm::handle(client& which, std::uint32_t events) {
  if (which.at == stage::dialing) {
    if ((events & EPOLLOUT) == 0) return;
    if (!tls_) {
      begin(which);
    } else {
      which.tls = tls_->start(which.fd);
      which.at = stage::securing;
    }
  } else if ((events & EPOLLOUT) != 0 && !which.unsent.empty()) {
    const auto rest = std::move(which.unsent);
    which.unsent.clear();
    send(which, rest);
  }
  if (which.at == stage::securing && !secure(which)) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    read(which, (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
  }
}

bool swarm::secure(client& which) {
  try {
    if (!which.tls->handshake()) return false;
  } catch (const std::runtime_error& refused) {
    fail_opening(which, refused.what());
    return false;
  }
  ++secured_;
  if (which.tls->resumed()) ++resumed_;
  begin(which);
  return true;
}

void swarm::check_resumed() const {
  if (what_.resume && static_cast<double>(resumed_) < 0.95 * static_cast<double>(secured_))
    throw std::runtime_error("only " + std::to_string(resumed_) + " of " + std::to_string(secured_) +
                             " TLS sessions were resumed");
}

void swarm::begin(client& which) {
  which.at = stage::upgrading;
  send(which, request_);
}

std::ptrdiff_t swarm::write_some(client& to, std::string_view bytes) {
  return to.tls ? to.tls->write(bytes) : ::send(to.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

std::ptrdiff_t swarm::read_some(client& from, char* into, std::size_t size) {
  return from.tls ? from.tls->read(into, size) : ::recv(from.fd, into, size, 0);
}

// Edge-triggered: a read that doesn't fill the buffer emptied the socket, unless the peer's end was already queued.
void swarm::read(client& which, bool until_end) {
  const auto serial = which.serial;
  for (;;) {
    const auto kept = which.held.size();
    std::memcpy(buffer_.data(), which.held.data(), kept);
    const auto space = buffer_.size() - kept;
    const auto got = read_some(which, buffer_.data() + kept, space);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) return end(which, std::strerror(errno));
    if (got == 0) return end(which, "ended by the server");
    const std::string_view bytes(buffer_.data(), kept + static_cast<std::size_t>(got));
    const auto used = consume(which, bytes);
    if (which.fd < 0 || which.serial != serial) return;
    which.held.assign(bytes.substr(used));
    // TLS gives a record at a time, whatever else the socket has.
    if (static_cast<std::size_t>(got) < space && !until_end && !which.tls) return;
  }
}

std::size_t swarm::consume(client& which, std::string_view bytes) {
  const auto serial = which.serial;
  std::size_t used = 0;
  if (which.at == stage::upgrading) {
    try {
      used = check_upgrade(bytes);
    } catch (const std::runtime_error& refused) {
      fail_opening(which, refused.what());
      return 0;
    }
    if (used == 0) return 0;
    which.at = stage::connecting;
    std::string out;
    if (what_.socket_io) {
      append_frame(out, op_text, "40"); // to the main namespace; commands come behind its answer
    } else {
      auto commands = connect_command(which);
      if (which.subscribes && !what_.two_step) words_.join(commands, owner_.subscribe_command(what_, which));
      append_frame(out, words_.opcode(), commands);
    }
    send(which, out);
  }
  while (which.at == stage::connecting || which.at == stage::subscribing) {
    const auto in = next_frame(bytes.substr(used));
    if (!in) return used;
    used += in->size;
    if (in->opcode == op_close) {
      fail_opening(which, close_reason(*in));
      return used;
    }
    answer_ping(which, *in);
    words_.each(in->payload, [&](std::string_view message) {
      if (which.fd >= 0 && which.serial == serial) on_reply(which, message);
    });
    if (which.fd < 0 || which.serial != serial) return used;
  }
  if (which.at == stage::closing) return bytes.size();
  return used + owner_.on_bytes(*this, which, bytes.substr(used));
}

void swarm::on_reply(client& which, std::string_view message) {
  const auto kind = words_.kind(message);
  if (kind == answer::refused) return fail_opening(which, "refused: " + std::string(message));
  if (what_.socket_io && message.starts_with("40")) {
    std::string out;
    append_command(out, connect_command(which));
    if (which.subscribes) append_command(out, owner_.subscribe_command(what_, which));
    return send(which, out);
  }
  if (which.at == stage::connecting && kind == answer::connected) {
    which.at = stage::subscribing;
    if (!which.subscribes) return set_ready(which);
    if (what_.two_step) {
      std::string out;
      append_frame(out, words_.opcode(), owner_.subscribe_command(what_, which));
      send(which, out);
    }
  } else if (which.at == stage::subscribing && kind == answer::subscribed) {
    owner_.on_subscribed(*this, which, message);
    set_ready(which);
  }
}

void swarm::append_command(std::string& out, const std::string& command) const {
  append_frame(out, words_.opcode(), what_.socket_io ? R"(42["m",)" + command + "]" : command);
}

void swarm::set_ready(client& which) {
  which.at = stage::ready;
  --opening_;
  owner_.on_ready(*this, which);
}

void swarm::answer_ping(client& which, const frame& in) {
  std::string out;
  if (in.opcode == op_ping) append_frame(out, op_pong, in.payload);
  const auto ping = words_.ping();
  if (in.opcode == words_.opcode() && in.payload.starts_with(ping) && in.payload.size() <= ping.size() + 1) {
    append_frame(out, words_.opcode(), ping); // in JSON a line break may follow
  }
  if (what_.socket_io && in.opcode == op_text && in.payload == "2") append_frame(out, op_text, "3");
  if (out.empty()) return;
  ++pings_;
  send(which, out);
}

void swarm::end(client& which, const std::string& why) {
  const bool asked = which.at == stage::closing;
  if (which.at < stage::ready) return fail_opening(which, "a connection failed before it was ready: " + why);
  forget(which);
  if (asked) {
    owner_.on_closed(*this, which);
  } else {
    owner_.on_lost(*this, which, why);
  }
}

void swarm::fail_opening(client& which, const std::string& why) {
  if (!owner_.retries()) throw std::runtime_error(why);
  --opening_;
  forget(which);
  owner_.on_lost(*this, which, why);
}

void swarm::forget(client& which) {
  which.tls.reset();
  ::close(which.fd);
  which.fd = -1;
  which.at = stage::closed;
  which.held.clear();
  which.unsent.clear();
}

std::string swarm::connect_command(const client& which) const {
  return words_.connect(what_.tokens.empty() ? std::string() : what_.tokens[which.serial % what_.tokens.size()]);
}

} // namespace plexus::bench
