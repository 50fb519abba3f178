#include "load/phases.hpp"

#include "load/process.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string_view>

namespace plexus::bench {
namespace {

struct caller {
  int fd = -1;
  double sent = 0;
  std::string got;
};

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    throw std::runtime_error("connecting to the API");
  return fd;
}

/// Size of the answer at the front, 0 while it isn't complete.
std::size_t answer_size(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  constexpr std::string_view mark = "Content-Length: ";
  const auto at = bytes.substr(0, end).find(mark);
  if (!bytes.starts_with("HTTP/1.1 200") || at == std::string_view::npos)
    throw std::runtime_error("the API answers " + std::string(bytes.substr(0, 300)));
  const auto size = end + 4 + std::stoul(std::string(bytes.substr(at + mark.size(), 20)));
  if (bytes.size() < size) return 0;
  if (bytes.find("\"error\":") < size) throw std::runtime_error("refused: " + std::string(bytes.substr(end, 300)));
  return size;
}

class api {
public:
  explicit api(const options& what) : what_(what), callers_(what.connections) {
    for (auto& each : callers_) each.fd = connect_to(what.port);
  }
  ~api() {
    for (const auto& each : callers_) ::close(each.fd);
  }

  void run() {
    for (auto& each : callers_) send(each);
    turn_until(now_seconds() + std::min(0.5, what_.seconds / 4));
    times_.clear();
    const auto before = what_.server > 0 ? cpu_seconds(what_.server) : 0;
    const auto load_before = cpu_seconds(getpid());
    const auto began = now_seconds();
    turn_until(began + what_.seconds);
    const auto took = now_seconds() - began;
    const auto server = what_.server > 0 ? (cpu_seconds(what_.server) - before) / took : 0;
    const auto load = (cpu_seconds(getpid()) - load_before) / took;
    std::sort(times_.begin(), times_.end());
    const auto at = [&](double part) {
      return times_.empty() ? 0 : times_[static_cast<std::size_t>(part * static_cast<double>(times_.size() - 1))];
    };
    std::printf(R"({"phase":"api","connections":%zu,"batch":%zu,"publications_per_second":%.0f,"p50_ms":%.3f,)"
                R"("p99_ms":%.3f,"server_cpu":%.3f,"load_cpu":%.3f})"
                "\n",
                callers_.size(), what_.batch,
                static_cast<double>(times_.size()) * static_cast<double>(what_.batch) / took, at(0.5), at(0.99),
                server, load);
  }

private:
  void turn_until(double end) {
    std::vector<pollfd> polls;
    for (const auto& each : callers_) polls.push_back({each.fd, POLLIN, 0});
    while (now_seconds() < end) {
      if (::poll(polls.data(), polls.size(), 100) < 0) continue;
      for (std::size_t i = 0; i < polls.size(); ++i)
        if (polls[i].revents != 0) read(callers_[i]);
    }
  }

  void send(caller& by) {
    std::string body;
    for (std::size_t i = 0; i < what_.batch; ++i) {
      const auto one = R"({"channel":"bench:room)" +
                       std::to_string(next_++ % std::max<std::uint64_t>(what_.channels, 1)) + R"(","data":{"x":")" +
                       std::string(what_.data_size, 'x') + R"("}})";
      body += what_.batch == 1 ? one : (i == 0 ? "" : ",") + (R"({"publish":)" + one + "}");
    }
    if (what_.batch > 1) body = R"({"commands":[)" + body + "]}";
    const auto request = std::string("POST /api/") + (what_.batch == 1 ? "publish" : "batch") +
                         " HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: " + what_.key +
                         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                         "\r\n\r\n" + body;
    by.sent = now_seconds();
    if (::send(by.fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      throw std::runtime_error("sending to the API");
  }

  void read(caller& by) {
    char bytes[65536];
    const auto got = ::recv(by.fd, bytes, sizeof bytes, 0);
    if (got <= 0) throw std::runtime_error("the API closed a connection");
    by.got.append(bytes, static_cast<std::size_t>(got));
    const auto size = answer_size(by.got);
    if (size == 0) return;
    by.got.erase(0, size);
    times_.push_back((now_seconds() - by.sent) * 1e3);
    send(by);
  }

  const options& what_;
  std::vector<caller> callers_;
  std::vector<double> times_;
  std::uint64_t next_ = 0;
};

} // namespace

void run_api(const options& what) {
  api(what).run();
}

} // namespace plexus::bench
