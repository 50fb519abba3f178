#include "transport/outbound.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

using namespace plexus::transport;

namespace {

struct socket_pair {
  socket_pair() {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    const int small = 4096;
    ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  }
  ~socket_pair() {
    for (int end : ends) ::close(end);
  }
  std::string read() const {
    std::string got(1 << 20, '\0');
    const auto size = ::recv(ends[1], got.data(), got.size(), MSG_DONTWAIT);
    got.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return got;
  }
  std::array<int, 2> ends{};
};

segment piece(char letter, std::size_t size, std::uint64_t skippable = 0) {
  chunk_ptr made{new chunk};
  made->bytes.assign(size, letter);
  made->skippable = skippable;
  made->count();
  return {made, 0, static_cast<std::uint32_t>(size)};
}

std::string rest(outbound& out, const socket_pair& on) {
  std::string got;
  while (!out.empty()) {
    CHECK(out.write_to(on.ends[0]) != outbound::result::failed);
    got += on.read();
  }
  return got + on.read();
}

} // namespace

TEST_CASE("what may be skipped is dropped, and the channels are told") {
  outbound out;
  socket_pair pair;
  out.append(piece('a', 10, 7));
  out.append(piece('b', 10));
  out.append(piece('c', 10, 9));
  const auto dropped = out.drop_skippable();
  CHECK(dropped == std::vector<std::uint64_t>{7, 9});
  CHECK(out.size() == 10);
  CHECK(rest(out, pair) == std::string(10, 'b'));
}

TEST_CASE("what is half-way out stays, whatever is dropped") {
  for (const bool all : {false, true}) {
    outbound out;
    socket_pair pair;
    const std::size_t size = 300'000;
    out.append(piece('a', size, 7));
    out.append(piece('b', 10, 7));
    REQUIRE(out.write_to(pair.ends[0]) == outbound::result::blocked);
    if (all)
      CHECK(out.drop_unsent() == 10);
    else
      CHECK(out.drop_skippable() == std::vector<std::uint64_t>{7});
    CHECK(rest(out, pair) == std::string(size, 'a'));
  }
}

TEST_CASE("a reply behind what may be skipped is not skipped with it") {
  outbound out;
  socket_pair pair;
  out.append(piece('a', 10, 7));
  out.append("reply");
  CHECK(out.drop_skippable() == std::vector<std::uint64_t>{7});
  CHECK(rest(out, pair) == "reply");
}

TEST_CASE("what stands before a reply that is awaited stays, whatever is dropped behind it") {
  outbound out;
  socket_pair pair;
  out.append("101 ");
  out.set_mark();
  out.append(piece('a', 10));
  CHECK(out.drop_unsent() == 10);
  out.insert_at_mark("reply");
  out.append(" end");
  CHECK(rest(out, pair) == "101 reply end");
}

TEST_CASE("the rest of a piece doesn't keep all of it in memory") {
  const auto before = chunk::held;
  outbound out;
  socket_pair pair;
  {
    auto shared = piece('a', 1'000'000);
    shared.from = 900'000;
    out.append(shared);
  }
  REQUIRE(out.write_to(pair.ends[0]) == outbound::result::blocked);
  CHECK(chunk::held - before > 1'000'000);
  out.drop_unsent();
  CHECK(chunk::held - before < 150'000);
  const auto got = rest(out, pair);
  CHECK(got == std::string(100'000, 'a'));
  CHECK(chunk::held == before);
}
