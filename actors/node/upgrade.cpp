#include "actors/node/upgrade.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace plexus::node {

namespace {

/// In the child, between fork and exec: only what may be called there while other threads held who knows what.
[[noreturn]] void become(const char* program, char* const* words, const int* keep, std::size_t kept) {
  // The libraries' sockets aren't all marked; a connection that lives on in the successor would never end.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  for (std::size_t i = 0; i < kept; ++i) ::fcntl(keep[i], F_SETFD, 0);
  // Until it is another program, a signal would run this one's handlers, and be told to the process before.
  for (auto each : {SIGTERM, SIGINT, SIGHUP, SIGUSR2}) ::signal(each, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execv(program, words);
  ::_exit(127);
}

} // namespace

upgrade::upgrade(boost::asio::io_context& home, std::string program, std::vector<std::string> words) :
    ear_(home), program_(std::move(program)), words_(std::move(words)) {}

upgrade::~upgrade() = default;

void upgrade::start(int public_port, int internal_port, answer done) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) return done(0, std::strerror(errno));
  std::vector<int> keep{public_port, pipe[1]};
  auto sockets = "public=" + std::to_string(public_port) + ",ready=" + std::to_string(pipe[1]);
  if (internal_port >= 0) {
    keep.push_back(internal_port);
    sockets += ",internal=" + std::to_string(internal_port);
  }
  auto texts = words_;
  texts.insert(texts.end(), {"--inherit", sockets});
  std::vector<char*> words;
  words.reserve(texts.size() + 1);
  for (auto& t : texts) words.push_back(t.data());
  words.push_back(nullptr);

  // The child begins with all signals blocked, and lets them in when it has no handlers any more.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  auto child = ::fork();
  if (child == 0) become(program_.c_str(), words.data(), keep.data(), keep.size());
  auto failed = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(pipe[1]);
  if (child < 0) {
    ::close(pipe[0]);
    return done(0, std::strerror(failed));
  }
  child_ = child;
  recalled_ = false;
  done_ = std::move(done);
  ear_.assign(pipe[0]);
  // The end of the pipe without a byte: the successor has ended.
  ear_.async_read_some(boost::asio::buffer(&byte_, 1),
                       [this](const boost::system::error_code& e, std::size_t count) {
                         if (e != boost::asio::error::operation_aborted) heard(!e && count == 1);
                       });
}

void upgrade::recall() {
  if (child_ == 0 || recalled_) return;
  recalled_ = true;
  ::kill(child_, SIGTERM);
}

void upgrade::heard(bool ready) {
  ear_.close();
  auto child = std::exchange(child_, 0);
  auto done = std::exchange(done_, nullptr);
  if (ready) return done(child, {});
  int status = 0;
  // It has closed its last descriptor, so it is ending, and this returns at once.
  ::waitpid(child, &status, 0);
  done(0, WIFEXITED(status) ? "it ended with exit code " + std::to_string(WEXITSTATUS(status))
                            : "it was ended by signal " + std::to_string(WTERMSIG(status)));
}

} // namespace plexus::node
