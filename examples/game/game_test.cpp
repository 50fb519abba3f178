#include "game.hpp"

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

int main() {
  testkit::channel room("game:1", testkit::of<game>());
  CHECK(room.subscribe("/nobody").code == 403);
  room.subscribe("ann");
  room.subscribe("bob");
  room.advance(1s);
  CHECK(room.published().size() >= 30);
  CHECK(room.publish("ann", R"({"dx":1,"dy":-5})"));
  CHECK(room.published().empty()); // not passed on
  room.advance(990ms);
  CHECK(room.published().back() == R"({"players":{"ann":[698,102],"bob":[500,300]}})");
  room.advance(1min);
  CHECK(room.published().back() == R"({"players":{"ann":[1000,0],"bob":[500,300]}})");
  room.kill(); // they are still connected, elsewhere than this node
  room.advance(100ms);
  CHECK(room.published().back() == R"({"players":{"ann":[500,300],"bob":[500,300]}})");
  room.unsubscribe("ann");
  room.disconnect("bob");
  room.published();
  room.advance(1s);
  CHECK(room.published().empty());
  std::puts("all good");
}
