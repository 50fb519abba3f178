#include "backplane/redis/sequencer.hpp"

#include <doctest/doctest.h>

using plexus::backplane::milliseconds;
using namespace std::chrono_literals;

namespace {

/// A channel's sequencer and, as text, what came out of it.
struct channel {
  using machine = plexus::backplane::redis::sequencer<std::string>;
  using taken = machine::taken;
  machine it;
  std::vector<std::string> out;
  milliseconds now = 0ms;

  taken entry(std::uint64_t s, const std::string& what, const char* epoch = "E.G") {
    return it.entry(epoch, s, what, now, out);
  }
  taken own(std::uint64_t s, const std::string& what, const char* epoch = "E.G") {
    return it.answer(epoch, s, true, what, now, out);
  }
  taken read(std::uint64_t s, const std::string& what, const char* epoch = "E.G") {
    return it.answer(epoch, s, false, what, now, out);
  }
  taken adopt(std::uint64_t s, const char* epoch = "E.G") { return it.adopt(epoch, s, now, out); }
  std::string text() {
    std::string all;
    for (const auto& each : out) all += each + " ";
    out.clear();
    return all;
  }
};

using taken = channel::taken;

} // namespace

TEST_CASE("entries that come before the first registration's answer are kept, and those it covers fall away") {
  channel c;
  c.entry(6, "6");
  c.entry(5, "5");
  c.entry(7, "7");
  CHECK(c.text() == "");
  CHECK_FALSE(c.it.known());
  CHECK(c.adopt(5) == taken::yes);
  CHECK(c.text() == "6 7 ");
  CHECK(c.it.sequence() == 7);
}

TEST_CASE("what was emitted falls away, and an own answer waits for what others did before") {
  channel c;
  c.adopt(0);
  c.entry(1, "1");
  c.entry(1, "again");
  c.own(3, "own3");
  CHECK(c.it.waits());
  CHECK(c.text() == "1 ");
  c.own(5, "own5");
  c.entry(4, "4");
  c.entry(2, "2");
  CHECK(c.text() == "2 own3 4 own5 ");
  CHECK_FALSE(c.it.waits());
}

TEST_CASE("a reader's answer comes after everything that it has seen") {
  channel c;
  c.adopt(2);
  c.read(4, "recovered up to 4");
  CHECK(c.text() == "");
  c.own(5, "own5");
  c.entry(3, "3");
  CHECK(c.text() == "3 ");
  c.entry(4, "4");
  CHECK(c.text() == "4 recovered up to 4 own5 ");
}

TEST_CASE("an entry or an answer of another epoch never fits, however its number does") {
  channel c;
  c.adopt(3);
  CHECK(c.entry(4, "stale", "E.OLD") == taken::doubt);
  CHECK(c.text() == "");
  // Whoever asked is answered.
  CHECK(c.own(4, "answer", "E.NEW") == taken::doubt);
  CHECK(c.text() == "answer ");
  CHECK(c.it.sequence() == 3);
}

TEST_CASE("adopting an epoch drops what waits from the old one, but no answer") {
  channel c;
  c.adopt(3);
  c.entry(6, "6 of the old log");
  c.own(5, "own5");
  CHECK(c.adopt(1, "E.NEW") == taken::yes);
  CHECK(c.text() == "own5 ");
  CHECK(c.it.sequence() == 1);
  for (std::uint64_t s = 2; s < 8; ++s) c.entry(s, "n" + std::to_string(s), "E.NEW");
  CHECK(c.text() == "n2 n3 n4 n5 n6 n7 ");
}

TEST_CASE("a registration's answer closes a hole, and doesn't go back") {
  channel c;
  c.adopt(3);
  c.now = 10ms;
  c.entry(6, "6");
  CHECK(c.it.waits_since() == 10ms);
  c.now = 20ms;
  c.entry(7, "7");
  CHECK(c.it.waits_since() == 10ms);
  c.adopt(5);
  CHECK(c.text() == "6 7 ");
  c.adopt(4);
  CHECK(c.it.sequence() == 7);
}

TEST_CASE("what waits is bounded: beyond that the channel is registered again") {
  channel c;
  for (std::uint64_t s = 0; s < channel::machine::most_waiting; ++s) CHECK(c.entry(s + 1, "x") == taken::yes);
  CHECK(c.entry(1, "x") == taken::doubt);
  channel ahead;
  ahead.adopt(0);
  for (std::uint64_t s = 0; s < channel::machine::most_waiting; ++s) ahead.entry(s + 2, "x");
  CHECK(ahead.entry(1'000'000, "x") == taken::doubt);
}

TEST_CASE("answers that wait come out when the channel is left") {
  channel c;
  c.adopt(0);
  c.own(2, "own2");
  c.read(2, "read");
  c.it.release(c.out);
  CHECK(c.text() == "own2 read ");
}
