// A reader that is too slow, through the whole transport.
#include "tests/transport/one_client.hpp"

using namespace plexus;
using namespace plexus::transport::testing;

TEST_CASE("nothing reaches a slow reader behind what was dropped: it would recover past the hole") {
  auto all = open_settings();
  all.client.max_queue_size = 100'000;
  one_client w(all);
  for (int n = 1; n <= 100; ++n) {
    w.push(n);
    w.turn(1);
  }
  const auto got = w.read();
  int last = 0;
  std::size_t at = 0;
  while (at < got.size() && got[at] == '\x81') {
    REQUIRE(got[at + 1] == 126);
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(got[at + 2])) << 8U |
                      static_cast<unsigned char>(got[at + 3]);
    const auto number = got.find("\"n\":", at);
    REQUIRE(number < at + size);
    CHECK(std::stoi(got.substr(number + 4, 4)) == ++last);
    at += 4 + size;
  }
  CHECK(last > 0);
  CHECK(last < 100);
  CHECK(got.substr(at) == closed_as_slow);
}

TEST_CASE("a transport actor that fails closes the clients of its loop, and goes on") {
  one_client w(open_settings());
  caf::anon_send(w.actor, channel::deliver{{}, "", [] { throw std::runtime_error("on purpose"); }, {}});
  w.turn();
  CHECK(w.transport.sockets == 0);
  bool heard = false;
  caf::anon_send(w.actor, channel::deliver{{}, "", [&] { heard = true; }, {}});
  w.turn();
  CHECK(heard);
}
