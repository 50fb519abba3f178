// The order of what waits for a socket, over a real pair of sockets.
#include "transport/outbound.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

using namespace plexus::transport;

namespace {

struct sockets {
  sockets() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0); }
  ~sockets() {
    for (auto end : ends) ::close(end);
  }
  /// All that has arrived.
  std::string arrived() const {
    std::string out(4096, 0);
    std::string all;
    for (ssize_t got; (got = ::recv(ends[1], out.data(), out.size(), MSG_DONTWAIT)) > 0;)
      all.append(out, 0, static_cast<std::size_t>(got));
    return all;
  }
  std::array<int, 2> ends{};
};

segment shared(std::string_view text) {
  chunk_ptr c{new chunk};
  c->bytes = text;
  return {c, 0, static_cast<std::uint32_t>(text.size())};
}

} // namespace

TEST_CASE("own bytes and shared ones go out in the order they came") {
  sockets s;
  outbound out;
  out.append("a");
  out.append("b");
  out.append(shared("C"));
  out.append("d");
  CHECK(out.size() == 4);
  CHECK(out.write_to(s.ends[0]) == outbound::result::drained);
  CHECK(s.arrived() == "abCd");
  CHECK(out.empty());
  CHECK(out.size() == 0);
}

TEST_CASE("the connect reply goes behind the handshake's answer and before what was held back") {
  sockets s;
  outbound out;
  out.append("101 ");
  out.set_mark();
  out.append("push ");
  out.insert_at_mark("connect ");
  CHECK(out.write_to(s.ends[0]) == outbound::result::drained);
  CHECK(s.arrived() == "101 connect push ");
}

TEST_CASE("the connect reply finds its place in a queue whose contents were dropped") {
  sockets s;
  outbound out;
  out.append(shared("101 "));
  out.append(shared("x"));
  out.set_mark();
  CHECK(out.drop_unsent() == 5);
  out.insert_at_mark("connect");
  CHECK(out.write_to(s.ends[0]) == outbound::result::drained);
  CHECK(s.arrived() == "connect");
}

TEST_CASE("a frame that is half-way out stays when the rest is dropped") {
  outbound out;
  out.append_rest(shared("half"), 2);
  out.append(shared("whole"));
  CHECK(out.size() == 7);
  CHECK(out.drop_unsent() == 5);
  CHECK(out.size() == 2);
  sockets s;
  CHECK(out.write_to(s.ends[0]) == outbound::result::drained);
  CHECK(s.arrived() == "lf");
}

TEST_CASE("a frame that was refused whole may be dropped") {
  outbound out;
  out.append_rest(shared("none"), 0);
  CHECK(out.drop_unsent() == 4);
  CHECK(out.empty());
}

TEST_CASE("a full socket says so and loses nothing") {
  sockets s;
  outbound out;
  const std::string large(1 << 20, 'x');
  out.append(shared(large));
  out.append("end");
  CHECK(out.write_to(s.ends[0]) == outbound::result::blocked);
  std::string all;
  auto last = outbound::result::blocked;
  for (int i = 0; i < 10'000 && last == outbound::result::blocked; ++i) {
    all += s.arrived();
    last = out.write_to(s.ends[0]);
  }
  all += s.arrived();
  CHECK(last == outbound::result::drained);
  CHECK(all.size() == large.size() + 3);
  CHECK(all.ends_with("xend"));
}
