#include "actors/runtime/poller.hpp"

#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace plexus::runtime;

namespace {

/// Two ends of a connection; this one is watched and notes what it hears.
struct ends final : pollable {
  explicit ends(std::string& to) : notes(to) {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both) == 0);
    here = both[0];
    there = both[1];
  }
  ~ends() {
    ::close(here);
    if (there >= 0) ::close(there);
  }
  void ready(bool readable, bool writable, bool ended) override {
    notes += name;
    notes += readable ? "r" : "";
    notes += writable ? "w" : "";
    notes += ended ? "e" : "";
    notes += " ";
    if (then) then();
  }
  void say() const { REQUIRE(::send(there, "x", 1, 0) == 1); }
  void hear() const {
    char byte;
    REQUIRE(::recv(here, &byte, 1, 0) == 1);
  }
  void leave() { ::close(std::exchange(there, -1)); }

  std::string& notes;
  std::string name;
  std::function<void()> then;
  int here = -1, there = -1;
};

struct scene {
  boost::asio::io_context context;
  poller sockets{context};
  std::string notes;
  ends a{notes}, b{notes}, c{notes};
  scene() {
    a.name = "a:";
    b.name = "b:";
    c.name = "c:";
  }
  ~scene() {
    for (auto* each : {&a, &b, &c}) sockets.forget(each->here);
  }
  void watch_all() {
    for (auto* each : {&a, &b, &c}) REQUIRE(sockets.watch(each->here, *each, true, false));
  }
  std::string polled() {
    notes.clear();
    sockets.poll();
    return notes;
  }
};

} // namespace

TEST_CASE("a socket is told of for as long as it is ready and watched") {
  scene s;
  REQUIRE(s.sockets.watch(s.a.here, s.a, true, false));
  CHECK(s.polled().empty());
  s.a.say();
  CHECK(s.polled() == "a:r ");
  CHECK(s.polled() == "a:r ");
  REQUIRE(s.sockets.watch(s.a.here, s.a, false, true));
  CHECK(s.polled() == "a:w ");
  REQUIRE(s.sockets.watch(s.a.here, s.a, false, false));
  CHECK(s.polled().empty());
}

TEST_CASE("who has been let in goes before who is new, whoever came first") {
  scene s;
  s.watch_all();
  s.sockets.settle(s.c.here);
  for (auto* each : {&s.a, &s.b, &s.c}) each->say();
  CHECK(s.polled() == "c:r a:r b:r ");
}

TEST_CASE("an end is told apart from bytes, before all else, with the bytes still there") {
  scene s;
  s.watch_all();
  for (auto* each : {&s.a, &s.b, &s.c}) s.sockets.settle(each->here);
  s.a.say();
  s.b.say();
  s.c.say();
  s.c.leave();
  CHECK(s.polled() == "c:e a:r b:r ");
  s.c.hear();
}

TEST_CASE(
    "a socket that is forgotten while it waits to be told of is not told, nor is the next one of its number") {
  scene s;
  s.watch_all();
  s.sockets.settle(s.a.here);
  s.a.say();
  s.b.say();
  s.a.then = [&] {
    s.sockets.forget(s.b.here);
    REQUIRE(s.sockets.watch(s.b.here, s.c, true, false)); // the same descriptor, somebody else's
    s.a.then = nullptr;
  };
  CHECK(s.polled() == "a:r ");
  s.a.hear();
  CHECK(s.polled() == "c:r ");
}

TEST_CASE("while more is ready than was told there is no sleep, and the context wakes for what comes later") {
  scene s;
  std::vector<std::unique_ptr<ends>> many;
  for (int i = 0; i < 40; ++i) {
    many.push_back(std::make_unique<ends>(s.notes));
    REQUIRE(s.sockets.watch(many.back()->here, *many.back(), true, false));
    many.back()->say();
    many.back()->then = [&s, here = many.back()->here] { s.sockets.forget(here); };
  }
  std::size_t told = s.sockets.poll();
  CHECK(told < many.size());
  while (!s.sockets.sleep()) told += s.sockets.poll();
  CHECK(told == many.size());
  REQUIRE(s.sockets.watch(s.a.here, s.a, true, false));
  REQUIRE(s.sockets.sleep());
  s.a.say();
  CHECK(s.context.run_one() == 1); // returns because of the socket
  CHECK(s.polled() == "a:r ");
}
