#include "tests/backplane/redis/server.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <thread>

namespace plexus::backplane::redis::testing {

std::uint16_t free_port() {
  const int s = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ::bind(s, reinterpret_cast<sockaddr*>(&at), size);
  ::getsockname(s, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(s);
  return ntohs(at.sin_port);
}

namespace {

/// The program; another that speaks the same may take its place.
const char* program() {
  const char* named = std::getenv("PLEXUS_REDIS_SERVER");
  return named ? named : "redis-server";
}

std::string text_of(const redisReply* r) {
  switch (r->type) {
  case REDIS_REPLY_INTEGER:
    return std::to_string(r->integer);
  case REDIS_REPLY_ARRAY: {
    std::string out;
    for (std::size_t i = 0; i < r->elements; ++i) out += (i ? " " : "") + text_of(r->element[i]);
    return out;
  }
  case REDIS_REPLY_NIL:
    return {};
  default:
    return {r->str, static_cast<std::size_t>(r->len)};
  }
}

} // namespace

server::server(std::vector<std::string> arguments, std::uint16_t port) :
    arguments_(std::move(arguments)), port_(port ? port : free_port()) {
  char name[] = "/tmp/plexus-redis-XXXXXX";
  folder_ = ::mkdtemp(name);
  start();
}

server::~server() {
  link_.reset();
  resume();
  kill_hard();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::unique_ptr<server> server::sentinel_of(server& primary) {
  std::unique_ptr<server> made(new server(sentinel_tag{}));
  std::ofstream(made->folder_ + "/sentinel.conf")
      << "port " << made->port_ << "\nbind 127.0.0.1\ndir " << made->folder_ << "\nlogfile " << made->folder_
      << "/log"
      << "\nsentinel monitor main 127.0.0.1 " << primary.port()
      << " 1\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n";
  made->start();
  return made;
}

server::server(sentinel_tag) : port_(free_port()), sentinel_(true) {
  char name[] = "/tmp/plexus-redis-XXXXXX";
  folder_ = ::mkdtemp(name);
}

server& server::shared() {
  static server one;
  one.ask({"SCRIPT", "FLUSH"});
  one.ask({"FLUSHALL"});
  return one;
}

void server::start() {
  std::vector<std::string> words{program(), "--port",    std::to_string(port_), "--bind", "127.0.0.1",
                                 "--save",  "",          "--daemonize",         "no",     "--dir",
                                 folder_,   "--logfile", folder_ + "/log"};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  if (sentinel_) words = {program(), folder_ + "/sentinel.conf", "--sentinel"};
  std::vector<char*> raw;
  for (auto& each : words) raw.push_back(each.data());
  raw.push_back(nullptr);
  const auto parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::execvp(raw[0], raw.data());
    ::_exit(127);
  }
  wait_until_it_answers();
}

void server::wait_until_it_answers() {
  for (int i = 0; i < 500; ++i) {
    link_.reset(redisConnect("127.0.0.1", port_));
    if (link_ && link_->err == 0 && ask({"PING"}) == "PONG") return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error("redis-server doesn't start");
}

std::string server::ask(const std::vector<std::string>& words) {
  std::vector<const char*> starts;
  std::vector<std::size_t> sizes;
  for (const auto& each : words) {
    starts.push_back(each.data());
    sizes.push_back(each.size());
  }
  auto* raw = static_cast<redisReply*>(
      redisCommandArgv(link_.get(), static_cast<int>(words.size()), starts.data(), sizes.data()));
  if (!raw) return "no answer";
  auto out = text_of(raw);
  freeReplyObject(raw);
  return out;
}

long long server::number(const std::vector<std::string>& words) {
  const auto text = ask(words);
  return std::strtoll(text.c_str(), nullptr, 10);
}

void server::kill_hard() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void server::pause() {
  if (pid_ > 0) ::kill(pid_, SIGSTOP);
}
void server::resume() {
  if (pid_ > 0) ::kill(pid_, SIGCONT);
}

namespace {

/// In a process of its own: connections in turn to each target, bytes both ways.
[[noreturn]] void forward(int listening, const std::vector<std::uint16_t>& targets) {
  std::vector<pollfd> ends{{listening, POLLIN, 0}};
  std::map<int, int> other;
  for (std::size_t turn = 0;;) {
    ::poll(ends.data(), ends.size(), -1);
    const auto now = ends;
    for (const auto& each : now) {
      if (!each.revents) continue;
      if (each.fd == listening) {
        const int in = ::accept(listening, nullptr, nullptr), out = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        at.sin_port = htons(targets[turn++ % targets.size()]);
        ::connect(out, reinterpret_cast<sockaddr*>(&at), sizeof at);
        other[in] = out;
        other[out] = in;
        for (const int one : {in, out}) ends.push_back({one, POLLIN, 0});
        continue;
      }
      if (!other.contains(each.fd)) continue;
      char bytes[65536];
      const auto count = ::read(each.fd, bytes, sizeof bytes);
      if (count > 0 && ::write(other[each.fd], bytes, static_cast<std::size_t>(count)) == count) continue;
      const int pair[] = {each.fd, other[each.fd]};
      for (const int one : pair) {
        ::close(one);
        other.erase(one);
        std::erase_if(ends, [one](const pollfd& e) { return e.fd == one; });
      }
    }
  }
}

} // namespace

forked_port::forked_port(std::vector<std::uint16_t> targets) {
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ::bind(listening, reinterpret_cast<sockaddr*>(&at), size);
  ::listen(listening, 16);
  ::getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size);
  port_ = ntohs(at.sin_port);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    forward(listening, targets);
  }
  ::close(listening);
}

forked_port::~forked_port() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

} // namespace plexus::backplane::redis::testing
