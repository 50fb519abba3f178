// Without a node: the actor in the test kit, with a clock that stands until it is moved.

#include "auction.hpp"

#include <plexus/json.hpp>
#include <plexus/testkit.hpp>

#include <cstdio>
#include <cstdlib>

using namespace std::chrono_literals;
namespace testkit = plexus::testkit;

#define CHECK(what)                                                                                                \
  do {                                                                                                             \
    if (!(what)) {                                                                                                 \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                                      \
      std::exit(1);                                                                                                \
    }                                                                                                              \
  } while (false)

static std::string field(const std::string& lot, const char* name) {
  return std::string(plexus::json::object(lot).find(name).value_or(""));
}

static void bids_count_once_and_only_higher_ones() {
  testkit::channel lot("auction:lamp", testkit::of<auction>());
  CHECK(lot.call("ann", "bid", R"({"amount":5})").code == 409); // not open
  CHECK(lot.call("house", "open", R"({"start":10})"));
  CHECK(lot.call("ann", "bid", R"({"amount":10})").code == 409);
  CHECK(lot.call("ann", "bid", R"({"amount":12})", "first"));
  CHECK(lot.call("bob", "bid", R"({"amount":15})"));
  CHECK(field(lot.call("ann", "bid", R"({"amount":12})", "first").data, "price") ==
        "12"); // answered again, not run
  CHECK(field(lot.call("ann", "show").data, "bids") == "2");
  CHECK(lot.call("ann", "bid", "{}").code == 107);
}

static void a_late_bid_moves_the_end() {
  testkit::channel lot("auction:lamp", testkit::of<auction>());
  lot.call("house", "open");
  lot.advance(55s);
  CHECK(lot.call("ann", "bid", R"({"amount":1})"));
  lot.advance(9s);
  CHECK(field(lot.call("ann", "show").data, "phase") == "\"open\"");
  lot.published();
  lot.advance(2s);
  const auto last = lot.published();
  CHECK(last.size() == 1);
  CHECK(field(last[0], "phase") == "\"sold\"");
  CHECK(field(last[0], "leader") == "\"ann\"");
}

static void it_survives_its_node() {
  testkit::channel lot("auction:lamp", testkit::of<auction>());
  lot.call("house", "open");
  for (int i = 1; i <= 100; ++i) {
    CHECK(lot.call("ann", "bid", plexus::json::write("amount", i)));
    if (i % 10 == 0) lot.kill();
  }
  CHECK(field(lot.call("ann", "show").data, "bids") == "100");
  lot.kill();
  lot.advance(61s);
  CHECK(field(lot.call("ann", "show").data, "phase") == "\"sold\"");
}

int main() {
  bids_count_once_and_only_higher_ones();
  a_late_bid_moves_the_end();
  it_survives_its_node();
  std::puts("all good");
}
