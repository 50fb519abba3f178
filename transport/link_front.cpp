#include "transport/link_front.hpp"

#include "actors/runtime/log.hpp"
#include "transport/link_owner.hpp"
#include "transport/transport_metrics.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace plexus::transport {

namespace {

constexpr std::size_t plain_text_size = 16'384; // of one TLS record

struct end {
  config::ip_address address;
  unsigned port = 0;
};

/// Nothing when the peer is gone.
std::optional<end> other_end(int socket) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (socket < 0 || ::getpeername(socket, reinterpret_cast<sockaddr*>(&at), &size) != 0) return std::nullopt;
  end out;
  if (at.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &at, sizeof v4);
    std::uint8_t four[4];
    std::memcpy(four, &v4.sin_addr, sizeof four);
    out = {config::from_v4(four), ntohs(v4.sin_port)};
  } else {
    sockaddr_in6 v6;
    std::memcpy(&v6, &at, sizeof v6);
    std::memcpy(out.address.bytes.data(), &v6.sin6_addr, out.address.bytes.size());
    out.port = ntohs(v6.sin6_port);
  }
  return out;
}

std::string with_port(const config::ip_address& a, unsigned port) {
  auto text = config::to_string(a);
  return (a.v4() ? text : "[" + text + "]") + ":" + std::to_string(port);
}

} // namespace

link::front_state& link::front() {
  if (!front_) front_ = std::make_unique<front_state>();
  return *front_;
}

void link::expect_proxy_header() {
  front().header = std::make_unique<front::proxy_header>();
}

void link::secure(tls::context_ptr with) {
  front().tls = std::make_unique<tls::wire>(std::move(with));
}

void link::take_in_front(std::span<char> bytes) {
  auto& f = *front_;
  if (f.header) {
    using state_of = front::proxy_header::state;
    switch (f.header->feed(bytes)) {
    case state_of::more:
      return;
    case state_of::wrong:
      metrics::proxy_headers_refused.add();
      runtime::log::debug("transport", "a trusted proxy sent no PROXY header", {{"peer", peer()}});
      abort();
      return;
    case state_of::done:
      break;
    }
    f.passed_on = f.header->address();
    f.port = f.header->port();
    f.header.reset();
    if (!owner_.may_come(*this)) {
      abort();
      return;
    }
  }
  if (bytes.empty()) return;
  if (f.tls)
    take_secure(bytes);
  else
    hand_over(bytes);
}

void link::take_secure(std::span<char> bytes) {
  static thread_local std::array<char, plain_text_size> plain;
  auto& tls = *front_->tls; // lives as long as this object
  tls.put(bytes);
  for (;;) {
    std::size_t got = 0;
    auto how = tls.read(plain, got);
    if (tls.owes()) mark_dirty();
    switch (how) {
    case tls::wire::input::bytes:
      // What one read of the socket brought is handed on, also to a stage that has paused meanwhile.
      hand_over(std::span<char>(plain).first(got));
      if (state_ == state::open) break;
      tls.put({});
      return;
    case tls::wire::input::empty:
      return;
    case tls::wire::input::ended:
      // Whoever has paused owes an answer still; then the end is said to the peer too.
      if (paused_)
        front_->ended = true;
      else
        end_of_input();
      return;
    case tls::wire::input::failed:
      on_tls_fault();
      return;
    }
  }
}

// The peer is told by an alert, where one makes sense; then the connection ends as any other does.
void link::on_tls_fault() {
  count_unfinished(handshake_fault);
  runtime::log::debug("transport", front_->tls->established() ? "TLS was broken" : "a TLS handshake failed",
                      {{"peer", peer()}, {"why", front_->tls->fault()}});
  out_.clear();
  finish();
}

bool link::owes() const noexcept {
  return front_ && front_->tls && front_->tls->owes();
}

std::size_t link::waiting() const noexcept {
  return out_.size() + (front_ && front_->tls ? front_->tls->unsent() : 0);
}

outbound::result link::write_secure() {
  auto& tls = *front_->tls;
  std::size_t sent = 0;
  auto how = tls.write(out_, socket_, sent);
  metrics::bytes_out.add(sent);
  sent_ += sent;
  if (how != outbound::result::drained || state_ != state::finishing) return how;
  tls.say_end();
  how = tls.write(out_, socket_, sent);
  metrics::bytes_out.add(sent);
  sent_ += sent;
  return how;
}

void link::count_unfinished(std::size_t why) noexcept {
  if (!front_ || !front_->tls || front_->tls->established() || std::exchange(front_->failed_counted, true)) return;
  metrics::tls_failures.add(1, why);
}

std::string link::peer() const {
  if (front_ && front_->named) return config::to_string(*front_->named);
  if (front_ && front_->passed_on) return with_port(*front_->passed_on, front_->port);
  const auto at = other_end(socket_);
  return at ? with_port(at->address, at->port) : std::string();
}

config::ip_address link::address() const {
  if (front_ && front_->passed_on) return *front_->passed_on;
  const auto at = other_end(socket_);
  return at ? at->address : config::ip_address{};
}

config::ip_address link::client() const {
  return front_ && front_->named ? *front_->named : address();
}

void link::name_client(const config::ip_address& who) {
  if (who != address())
    front().named = who;
  else if (front_)
    front_->named.reset();
}

bool link::is_secure() const noexcept {
  return front_ && front_->tls;
}

bool link::counted() const noexcept {
  return front_ && front_->counted;
}

void link::set_counted(bool yes) {
  if (yes || front_) front().counted = yes;
}

} // namespace plexus::transport
