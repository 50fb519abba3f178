// What PLEXUS_STATE writes and reads.

#include <plexus/json.hpp>
#include <plexus/state.hpp>

#include <doctest/doctest.h>

#include <deque>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

using namespace plexus;

namespace {

struct point {
  double x = 0, y = 0;
  template <class S>
  void state(S& s) {
    s(x, y);
  }
  friend bool operator==(const point&, const point&) = default;
};
enum class color : std::uint8_t { red, green = 200 };

struct everything {
  bool yes = false;
  std::int8_t small = 0;
  std::int64_t low = 0, high = 0;
  std::uint64_t most = 0;
  float real = 0;
  color paint = color::red;
  std::string text;
  std::optional<std::string> maybe;
  std::vector<point> points;
  std::deque<int> queue;
  std::map<std::string, std::vector<int>> table;
  std::unordered_map<int, std::string> hashed;
  std::set<std::string> names;
  std::chrono::milliseconds span{0};
  std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds> when;
  std::pair<int, std::string> two;
  template <class S>
  void state(S& s) {
    s(yes, small, low, high, most, real, paint, text, maybe, points, queue, table, hashed, names, span, when, two);
  }
  friend bool operator==(const everything&, const everything&) = default;
};

std::string written(const auto&... values) {
  std::string out;
  state_writer to(out);
  to(values...);
  return out;
}

} // namespace

TEST_CASE("everything comes back as it was") {
  everything in;
  in.yes = true;
  in.small = -128;
  in.low = std::numeric_limits<std::int64_t>::min();
  in.high = std::numeric_limits<std::int64_t>::max();
  in.most = std::numeric_limits<std::uint64_t>::max();
  in.real = -0.5F;
  in.paint = color::green;
  in.text = std::string("a\0b", 3);
  in.maybe = "m";
  in.points = {{1.5, -2}, {}};
  in.queue = {3, -1};
  in.table = {{"a", {1, 2}}, {"", {}}};
  in.hashed = {{-1, "x"}};
  in.names = {"b", "a"};
  in.span = std::chrono::milliseconds(-5);
  in.when += std::chrono::hours(1000);
  in.two = {7, "seven"};
  everything out;
  const auto bytes = written(in);
  state_reader from(bytes);
  from(out);
  CHECK(out == in);
  CHECK(from.at_end());
}

TEST_CASE("members that an older version didn't have keep their values") {
  const auto bytes = written(1, std::string("x"));
  int a = 0, c = 42;
  std::string b;
  state_reader from(bytes);
  from(a, b, c);
  CHECK(a == 1);
  CHECK(b == "x");
  CHECK(c == 42);
}

TEST_CASE("bytes that don't fit are an error, not a guess") {
  const auto good = written(everything{});
  for (std::size_t cut = 1; cut < good.size(); ++cut) {
    everything out;
    state_reader from(std::string_view(good).substr(0, cut));
    CHECK_THROWS_AS(from(out), bad_state);
  }
  std::vector<int> list;
  const std::string huge("\xff\xff\xff\xff\x0f", 5);
  state_reader from(huge);
  CHECK_THROWS_AS(from(list), bad_state);
  std::int8_t narrow = 0;
  const auto wide = written(1000);
  state_reader again(wide);
  CHECK_THROWS_AS(again(narrow), bad_state);
}

TEST_CASE("json: the fields of an object, whatever stands between them") {
  const json::object in(
      R"( {"a": 1 ,"b":-2.5,"c":"x\"\u00e9\ud83d\ude00\n", "d":{"a":[1,"}"]} , "e":true,"f":null,"a":2})");
  CHECK(in.integer("a") == 2);
  CHECK(in.real("b") == -2.5);
  CHECK_FALSE(in.integer("b"));
  CHECK(in.string("c") == "x\"\xc3\xa9\xf0\x9f\x98\x80\n");
  CHECK(in.find("d") == R"({"a":[1,"}"]})");
  CHECK(in.boolean("e") == true);
  CHECK_FALSE(in.string("f"));
  CHECK_FALSE(in.find("nothing"));
  CHECK_FALSE(json::object("[1]").find("a"));
  CHECK_FALSE(json::object(R"({"a)").find("a"));
}

TEST_CASE("json: what is written is one object") {
  CHECK(json::write("a", 1, "b", "x\"\\\x01", "c", true, "d", 0.5, "e", json::raw{"[1]"}) ==
        R"({"a":1,"b":"x\"\\\u0001","c":true,"d":0.5,"e":[1]})");
  CHECK(json::write() == "{}");
}
