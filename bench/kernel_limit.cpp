// The kernel's limit: what a fan-out costs when a server does nothing but the system calls.
//
// One epoll loop, no library; a channel is a list of connections. It answers just enough of the protocol for the
// same load to drive it. A publication is copied into a frame that stands ready, of the size that was asked for; at
// the end of a turn all frames of that turn go to each subscriber of their channel with one send. So it makes no
// more system calls than a server must, and what a real server loses against it is its own work. Its pings keep no
// account of who answered.

#include "limit_wire.hpp"
#include "uring_sender.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using namespace plexus::bench;

constexpr std::string_view before_channel = R"({"push":{"channel":")", before_data = R"(","pub":{"data":)";
constexpr std::string_view after_data = "}}}";
constexpr std::size_t usual_frame = 184; ///< with who published, as a client without a user sends it

struct channel;

struct connection {
  int fd = -1;
  bool upgraded = false;
  std::size_t place = 0;            ///< in the list of subscribers, from 1; 0: not among them
  channel* in = nullptr;            ///< whose subscriber it is
  std::size_t place_in_channel = 0; ///< in its list
  std::string held;                 ///< of an unfinished request or frame
  std::string unsent;
};

struct channel {
  std::vector<connection*> subscribers;
  std::string turn;          ///< the frames of this turn
  std::string head, tail;    ///< of a frame, around its data
  std::size_t data_size = 0; ///< that they are made for
};

struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

class limit {
public:
  /// `uring`: the turn's sends go through it; null: a system call each.
  limit(std::uint16_t port, std::size_t frame_size, std::unique_ptr<uring_sender> uring, bool spin) :
      frame_size_(frame_size),
      uring_(std::move(uring)),
      spin_(spin),
      epoll_(::epoll_create1(0)),
      listener_(open_listener(port)),
      events_(1024),
      buffer_(std::size_t{256} * 1024) {
    watch(EPOLL_CTL_ADD, listener_, nullptr, EPOLLIN);
  }

  std::uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  [[noreturn]] void run() {
    for (;;) {
      const int count =
          ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), spin_ ? 0 : until_pings());
      for (int i = 0; i < count; ++i) {
        const auto& event = events_[static_cast<std::size_t>(i)];
        if (event.data.ptr == nullptr) {
          accept_all();
          continue;
        }
        auto* from = static_cast<connection*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0) go_on(*from);
        if ((event.events & ~static_cast<unsigned>(EPOLLOUT)) != 0) read(from);
      }
      if (!published_to_.empty()) send_turn();
      if (!replies_.empty()) {
        if (publisher_ != nullptr) send(*publisher_, replies_);
        replies_.clear();
      }
      if (until_pings() == 0) ping();
    }
  }

private:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds ping_tick{200};
  static constexpr std::size_t ticks_an_interval = 125; ///< 25 s, as connections are told

  /// Milliseconds until a turn of pings is due, -1 without subscribers: for epoll_wait.
  int until_pings() const {
    if (subscribers_.empty()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_ping_ - clock::now());
    return static_cast<int>(std::max<std::int64_t>(0, left.count()));
  }

  // Each subscriber once an interval, spread over its ticks. What is not done: seeing who doesn't answer.
  void ping() {
    constexpr std::string_view frame = "\x81\x02{}";
    for (auto i = tick_; i < subscribers_.size(); i += ticks_an_interval) send(*subscribers_[i], frame);
    tick_ = (tick_ + 1) % ticks_an_interval;
    next_ping_ = clock::now() + ping_tick;
  }

  static int open_listener(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 4096) != 0) {
      throw std::runtime_error(std::string("listen: ") + std::strerror(errno));
    }
    return fd;
  }

  void watch(int action, int fd, connection* who, std::uint32_t what) const {
    epoll_event event{};
    event.events = what;
    event.data.ptr = who;
    ::epoll_ctl(epoll_, action, fd, &event);
  }

  void accept_all() {
    for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto added = std::make_unique<connection>();
      added->fd = fd;
      watch(EPOLL_CTL_ADD, fd, added.release(), EPOLLIN); // owned by its entry in epoll until `drop`
    }
  }

  void read(connection* from) {
    const auto kept = from->held.size();
    std::memcpy(buffer_.data(), from->held.data(), kept);
    const auto got = ::recv(from->fd, buffer_.data() + kept, buffer_.size() - kept, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return drop(from);
    const auto size = kept + static_cast<std::size_t>(got);
    std::size_t used = 0;
    if (!from->upgraded) {
      used = upgrade(*from, {buffer_.data(), size});
      if (used == 0) return from->held.assign(buffer_.data(), size), void();
    }
    while (const auto taken = take_frame(*from, buffer_.data() + used, size - used)) {
      if (taken == closed) return drop(from);
      used += taken;
    }
    from->held.assign(buffer_.data() + used, size - used);
    if (from->held.empty()) std::string().swap(from->held);
  }

  std::size_t upgrade(connection& from, std::string_view request) {
    const auto end = request.find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    constexpr std::string_view field = "Sec-WebSocket-Key: ";
    const auto key = request.find(field);
    if (key == std::string_view::npos) return 0;
    send(from, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: " +
                   accept_of(request.substr(key + field.size(), 24)) + "\r\n\r\n");
    from.upgraded = true;
    return end + 4;
  }

  /// Bytes of a whole frame, which is unmasked and answered; 0 while it isn't complete; `closed` for a close frame.
  std::size_t take_frame(connection& from, char* at, std::size_t available) {
    if (available < 6) return 0;
    std::size_t header = 6;
    std::size_t length = static_cast<std::uint8_t>(at[1]) & 0x7FU;
    if (length == 126) {
      if (available < 8) return 0;
      header = 8;
      length = static_cast<std::size_t>(static_cast<std::uint8_t>(at[2])) << 8 | static_cast<std::uint8_t>(at[3]);
    }
    if (available - header < length) return 0;
    if ((at[0] & 0x0F) == op_close) return closed;
    const char* mask = at + header - 4;
    char* text = at + header;
    for (std::size_t i = 0; i < length; ++i) text[i] = static_cast<char>(text[i] ^ mask[i & 3]);
    answer(from, {text, length});
    return header + length;
  }

  void answer(connection& from, std::string_view commands) {
    constexpr std::string_view publish = R"("publish":{)";
    constexpr std::string_view data = R"("data":)";
    if (commands.find(publish) != std::string_view::npos) {
      const auto at = commands.find(data) + data.size();
      append_publication(channel_of(commands), commands.substr(at, commands.size() - at - 2));
      append_text(replies_, R"({"id":)" + std::string(commands.substr(6, 10)) + R"(,"publish":{}})");
      publisher_ = &from;
      return;
    }
    std::string out;
    if (commands.find(R"("connect":)") != std::string_view::npos) {
      append_text(out, R"({"id":1,"connect":{"version":"limit","ping":25,"pong":true}})");
    }
    if (commands.find(R"("subscribe":)") != std::string_view::npos) {
      append_text(out, R"({"id":2,"subscribe":{}})");
      subscribers_.push_back(&from);
      from.place = subscribers_.size();
      auto& [name, into] = room(channel_of(commands));
      into.subscribers.push_back(&from);
      from.in = &into;
      from.place_in_channel = into.subscribers.size() - 1;
    }
    if (!out.empty()) send(from, out);
  }

  static std::string_view channel_of(std::string_view commands) {
    constexpr std::string_view mark = R"("channel":")";
    const auto at = commands.find(mark) + mark.size();
    return commands.substr(at, commands.find('"', at) - at);
  }

  /// With its name; made when it is named first.
  std::pair<const std::string, channel>& room(std::string_view name) {
    const auto found = channels_.find(name);
    return found != channels_.end() ? *found : *channels_.try_emplace(std::string(name)).first;
  }

  // Only the data differs from publication to publication; the rest of the frame is copied as it stands. Spaces
  // bring it to the size that was asked for.
  void append_publication(std::string_view to, std::string_view data) {
    auto& [name, into] = room(to);
    if (into.head.empty() || data.size() != into.data_size) {
      const auto payload = frame_size_ - (frame_size_ < 126 + 2 ? 2 : 4);
      const auto written =
          before_channel.size() + name.size() + before_data.size() + data.size() + after_data.size();
      if (payload < written) throw std::runtime_error("--frame is too small");
      into.data_size = data.size();
      into.tail = std::string(payload - written, ' ') + std::string(after_data);
      into.head.clear();
      append_header(into.head, payload);
      into.head.append(before_channel).append(name).append(before_data);
    }
    if (into.turn.empty()) published_to_.push_back(&into);
    into.turn.append(into.head).append(data).append(into.tail);
  }

  /// A connection has one channel, so this is one send for each subscriber.
  void send_turn() {
    if (uring_) {
      send_all();
    } else {
      for (auto* to : published_to_)
        for (auto* each : to->subscribers) send(*each, to->turn);
    }
    for (auto* to : published_to_) to->turn.clear();
    published_to_.clear();
  }

  void send(connection& to, std::string_view bytes) {
    if (!to.unsent.empty()) {
      to.unsent.append(bytes);
      return;
    }
    const auto sent = ::send(to.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(bytes.size()) || (sent < 0 && errno != EAGAIN)) return;
    to.unsent.assign(bytes.substr(sent < 0 ? 0 : static_cast<std::size_t>(sent)));
    watch(EPOLL_CTL_MOD, to.fd, &to, EPOLLIN | EPOLLOUT);
  }

  void send_all() {
    for (auto* to : published_to_) {
      for (auto* each : to->subscribers) {
        if (each->unsent.empty())
          uring_->add(each->fd, to->turn, each);
        else
          each->unsent.append(to->turn);
      }
    }
    uring_->finish([this](void* who, int sent) {
      auto& to = *static_cast<connection*>(who);
      const auto& turn = to.in->turn;
      if (sent == static_cast<int>(turn.size()) || (sent < 0 && sent != -EAGAIN)) return;
      to.unsent.assign(turn, sent < 0 ? 0 : static_cast<std::size_t>(sent));
      watch(EPOLL_CTL_MOD, to.fd, &to, EPOLLIN | EPOLLOUT);
    });
  }

  void go_on(connection& to) {
    watch(EPOLL_CTL_MOD, to.fd, &to, EPOLLIN);
    const auto rest = std::move(to.unsent);
    to.unsent.clear();
    send(to, rest);
  }

  void drop(connection* which) {
    if (which == publisher_) publisher_ = nullptr;
    if (which->place != 0) {
      auto* const last = subscribers_.back();
      subscribers_[which->place - 1] = last;
      last->place = which->place;
      subscribers_.pop_back();
      auto& others = which->in->subscribers;
      others[which->place_in_channel] = others.back();
      others[which->place_in_channel]->place_in_channel = which->place_in_channel;
      others.pop_back();
    }
    ::close(which->fd);
    delete which;
  }

  static constexpr std::size_t closed = ~std::size_t{0};

  std::size_t frame_size_;
  std::unique_ptr<uring_sender> uring_;
  bool spin_;
  int epoll_;
  int listener_;
  std::vector<epoll_event> events_;
  std::vector<char> buffer_;
  std::vector<connection*> subscribers_;
  connection* publisher_ = nullptr;
  std::unordered_map<std::string, channel, text_hash, std::equal_to<>> channels_;
  std::vector<channel*> published_to_; ///< in this turn
  std::string replies_;
  std::size_t tick_ = 0;
  clock::time_point next_ping_{};
};

} // namespace

/// kernel_limit [--port N] [--frame BYTES] [--ready-file FILE] [--send calls|uring|uring_zero_copy] [--wait
/// sleep|spin] Port 0: the kernel picks one.
int main(int count, char** words) {
  try {
    std::uint16_t port = 0;
    std::size_t frame_size = usual_frame;
    std::string ready_file;
    std::string_view how = "calls", wait = "sleep";
    for (int i = 1; i + 1 < count; i += 2) {
      const std::string_view name = words[i];
      if (name == "--port") port = static_cast<std::uint16_t>(std::atoi(words[i + 1]));
      if (name == "--frame") frame_size = static_cast<std::size_t>(std::atoll(words[i + 1]));
      if (name == "--ready-file") ready_file = words[i + 1];
      if (name == "--send") how = words[i + 1];
      if (name == "--wait") wait = words[i + 1];
    }
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    std::unique_ptr<uring_sender> uring;
    if (how != "calls") uring = std::make_unique<uring_sender>(how == "uring_zero_copy");
    limit server(port, frame_size, std::move(uring), wait == "spin");
    std::printf("port %u\n", static_cast<unsigned>(server.port()));
    std::fflush(stdout);
    if (!ready_file.empty()) write_ready_file(ready_file, server.port());
    server.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kernel_limit: %s\n", error.what());
    return 1;
  }
}
