#include "whiteboard.hpp"

#include <plexus/json.hpp>
#include <plexus/testkit.hpp>

#include <cstdio>
#include <cstdlib>

namespace testkit = plexus::testkit;
namespace json = plexus::json;

#define CHECK(what)                                                                                                \
  do {                                                                                                             \
    if (!(what)) {                                                                                                 \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                                      \
      std::exit(1);                                                                                                \
    }                                                                                                              \
  } while (false)

int main() {
  testkit::channel board("board:1", testkit::of<whiteboard>());
  CHECK(board.call("ann", "put", R"({"id":"a","shape":[1,2]})"));
  CHECK(board.call("bob", "put", R"({"id":"a","shape":[3]})")); // the later one holds
  CHECK(board.call("bob", "put", R"({"id":"b","shape":{"x":"}"}})"));
  CHECK(board.call("bob", "drop", R"({"id":"c"})").code == 404);
  CHECK(board.call("bob", "put", R"({"id":"b"})").code == 107);
  CHECK(board.published().size() == 3);
  const auto whole = board.subscribe("carl").data;
  CHECK(
      whole ==
      R"({"v":3,"strokes":[{"id":"a","by":"bob","shape":[3],"v":2},{"id":"b","by":"bob","shape":{"x":"}"},"v":3}]})");
  board.publish("ann", "[5,6]");
  const auto pointer = board.publications();
  CHECK(pointer.size() == 1);
  CHECK(!pointer[0].kept);

  // Thousands of changes, and a node that dies now and then: the same board.
  for (int i = 0; i < 600; ++i) {
    CHECK(board.call("ann", "put", json::write("id", std::to_string(i % 50), "shape", json::raw{"[1,2,3,4,5]"})));
    if (i % 100 == 0) board.kill();
  }
  const auto before = board.subscribe("dora").data;
  board.kill();
  CHECK(board.subscribe("emil").data == before);
  board.move();
  CHECK(board.subscribe("fred").data == before);
  std::puts("all good");
}
