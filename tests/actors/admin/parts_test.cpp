// The pure parts: pages, parameters, the gate, quantiles.

#include "actors/admin/attention.hpp"
#include "actors/admin/gate.hpp"
#include "actors/admin/pages.hpp"
#include "actors/admin/params.hpp"
#include "actors/admin/pattern.hpp"
#include "actors/admin/places.hpp"
#include "actors/admin/recorder.hpp"
#include "actors/channel/traffic.hpp"
#include "actors/connection/library_names.hpp"

#include <nlohmann/json.hpp>

#include <doctest/doctest.h>

#include <random>

using namespace plexus;
using namespace plexus::admin;
using namespace std::chrono_literals;

namespace {

/// The pages of these keys, one after the other.
std::vector<std::string> page_through(const std::vector<sort_key>& all, std::size_t size) {
  std::vector<std::string> out;
  sort_key after;
  for (bool first = true;; first = false) {
    page_of<int> page(size, first ? nullptr : &after);
    for (auto& k : all) page.offer(k, 0);
    for (auto& [key, value] : page.rows()) out.push_back(key.text);
    if (!page.more()) return out;
    after = page.rows().back().first;
  }
}

std::string fault_of(const json& from, const std::function<void(params&)>& read) {
  try {
    params p(from);
    read(p);
    p.done();
    return "";
  } catch (const refusal& why) {
    return why.message;
  }
}

} // namespace

TEST_CASE("strangers have places apart, few for each address") {
  places all;
  const auto at = [](const std::string& text) { return *config::parse_address(text); };
  for (std::size_t i = 0; i < places::max_strangers_an_address; ++i)
    CHECK(all.enter(at("2001:db8::" + std::to_string(i + 1))));
  CHECK_FALSE(all.enter(at("2001:db8::ffff:1"))); // the same /64
  REQUIRE(all.sign_in(at("2001:db8::1")));
  CHECK(all.enter(at("2001:db8::ffff:1")));
  std::size_t others = places::max_strangers_an_address;
  while (all.enter(at("192.0.2." + std::to_string(others)))) ++others;
  CHECK(others == places::max_strangers);
  all.leave(at("2001:db8::2"), false);
  CHECK(all.enter(at("198.51.100.1")));
  // Who is signed in takes no stranger's place, and there is a bound on these too.
  for (std::size_t i = 1; i < places::max_sessions; ++i) {
    REQUIRE(all.sign_in(at("198.51.100.1")));
    REQUIRE(all.enter(at("198.51.100.1")));
  }
  CHECK_FALSE(all.sign_in(at("198.51.100.1")));
  all.leave(at("2001:db8::1"), true);
  CHECK(all.sign_in(at("198.51.100.1")));
}

TEST_CASE("who reads is never taken for one who doesn't, whenever it is looked") {
  const auto start = attention::time_point{} + 1h;
  SUBCASE("each look finds the next answer, just written") {
    attention r;
    for (int i = 0; i < 60; ++i) CHECK(r.goes_on(start + 1s * i, 1000, 1000U * static_cast<unsigned>(i)));
  }
  SUBCASE("nothing leaves") {
    attention r;
    for (int i = 0; i < 10; ++i) CHECK(r.goes_on(start + 1s * i, 1000, 0));
    CHECK_FALSE(r.goes_on(start + 10s, 1000, 0));
  }
  SUBCASE("a little leaves, and more comes") {
    attention r;
    for (int i = 0; i < 10; ++i) CHECK(r.goes_on(start + 1s * i, 5000, static_cast<unsigned>(i)));
    CHECK_FALSE(r.goes_on(start + 10s, 5000, 10));
  }
  SUBCASE("it begins anew once all has left") {
    attention r;
    CHECK(r.goes_on(start, 1000, 0));
    CHECK(r.goes_on(start + 9s, 0, 1000));
    CHECK(r.goes_on(start + 11s, 10, 1000));
    CHECK(r.goes_on(start + 20s, 10, 1000));
    CHECK_FALSE(r.goes_on(start + 21s, 10, 1000));
  }
}

TEST_CASE("pages have everything once and in order, whatever their size") {
  const std::vector<sort_key> all{{1, "b"}, {5, "x"}, {1, "a"}, {0, "q"}, {5, "c"}, {9, "z"}};
  const std::vector<std::string> in_order{"z", "c", "x", "a", "b", "q"};
  for (std::size_t size = 1; size < 8; ++size) CHECK(page_through(all, size) == in_order);
}

TEST_CASE("what is offered twice is kept once") {
  page_of<int> page(3, nullptr);
  for (int i = 0; i < 2; ++i)
    for (auto* name : {"a", "b", "c", "d"}) page.offer({0, name}, i);
  CHECK(page.rows().size() == 3);
  CHECK(page.more());
}

TEST_CASE("pages of several nodes are joined to one") {
  auto page = [](const char* names, bool more) {
    std::vector<std::pair<sort_key, json>> rows;
    for (auto* c = names; *c; ++c)
      rows.emplace_back(sort_key{0, std::string(1, *c)}, json{{"n", std::string(1, *c)}});
    return page_json("rows", rows, 10, rows.size(), more);
  };
  auto joined = join_pages("rows", {page("adf", false), page("bce", true)}, 4);
  std::string got;
  for (auto& r : joined["rows"]) got += r["n"].get<std::string>();
  CHECK(got == "abcd");
  CHECK(joined["matched"] == 6);
  CHECK(read_cursor(joined["next"])->text == "d");
  CHECK(join_pages("rows", {page("a", false)}, 4)["next"].is_null());
  auto sum = [](json& into, const json&) { into["twice"] = true; };
  auto merged = join_pages("rows", {page("ab", false), page("bc", false)}, 4, sum);
  CHECK(merged["rows"].size() == 3);
  CHECK(merged["rows"][1].contains("twice"));
}

TEST_CASE("a page of another node whose rows have no keys is refused") {
  const json page{{"matched", 1}, {"next", nullptr}, {"rows", {{{"n", "a"}}}}};
  CHECK_THROWS_AS(join_pages("rows", {page}, 4), refusal);
}

TEST_CASE("parameters of another type, out of range or unknown are refused by name") {
  CHECK(fault_of({{"a", "x"}}, [](params& p) { CHECK(p.text("a") == "x"); }).empty());
  CHECK(fault_of(json::array(), [](params&) {}) == "the parameters must be an object");
  CHECK(fault_of({{"a", 1}}, [](params& p) { p.text("a"); }) == R"("a": expected a string)");
  CHECK(fault_of({{"a", 1.5}}, [](params& p) { p.number("a", 0, 0, 9); }).find("whole number") !=
        std::string::npos);
  CHECK(fault_of({{"a", UINT64_MAX}}, [](params& p) { p.number("a", 0, 0, 9); }) != "");
  CHECK(fault_of({{"a", -1}}, [](params& p) { p.number("a", 0, 0, 9); }) != "");
  CHECK(fault_of({{"a", 1}}, [](params& p) { p.flag("a"); }) != "");
  CHECK(fault_of({{"a", "1s"}}, [](params& p) { CHECK(p.duration("a", 0ms, 1ms, 5s) == 1s); }).empty());
  CHECK(fault_of({{"a", "1h"}}, [](params& p) { p.duration("a", 0ms, 1ms, 5s); }) != "");
  CHECK(fault_of({{"a", "x"}}, [](params& p) { p.one_of("a", "", {"y", "z"}); }) == R"("a": expected one of y, z)");
  CHECK(fault_of({{"a", nullptr}}, [](params& p) { CHECK(p.text("a", "none") == "none"); }).empty());
  CHECK(fault_of({{"typo", 1}}, [](params& p) { p.text("a"); }) == R"("typo" is not a parameter of this request)");
  CHECK(fault_of({}, [](params& p) { p.needed("a"); }) != "");
}

TEST_CASE("the secret is the whole secret, and no secret is nobody's") {
  CHECK(is_secret("hush", "hush"));
  for (auto* wrong : {"", "hus", "hushh", "HUSH"}) CHECK_FALSE(is_secret(wrong, "hush"));
  CHECK_FALSE(is_secret("", ""));
}

TEST_CASE("who guesses waits longer each time, others don't") {
  gate door;
  const auto start = gate::time_point{} + 1h;
  const config::ip_address guesser{}, other = *config::parse_address("192.0.2.7");
  CHECK(*door.admit(guesser, start) == start);
  CHECK(*door.admit(guesser, start) == start + 1s);
  CHECK(*door.admit(guesser, start) == start + 3s);
  CHECK(*door.admit(other, start) == start);
  CHECK(*door.admit(guesser, start) == start + 7s);
  CHECK(*door.admit(guesser, start) == start + 15s);
  CHECK_FALSE(door.admit(guesser, start));
  door.forget(guesser);
  CHECK(*door.admit(guesser, start) == start);
}

TEST_CASE("who has a network has one account, and the log one line a second") {
  gate door;
  const auto start = gate::time_point{} + 1h;
  CHECK(*door.admit(*config::parse_address("2001:db8::1"), start) == start);
  CHECK(*door.admit(*config::parse_address("2001:db8::ffff:2"), start) == start + 1s);
  CHECK(*door.admit(*config::parse_address("2001:db8:0:1::1"), start) == start);
  CHECK(*door.admit(*config::parse_address("192.0.2.7"), start) == start);
  CHECK(*door.admit(*config::parse_address("192.0.2.8"), start) == start);
  CHECK(door.worth_a_line(start) == 1);
  CHECK_FALSE(door.worth_a_line(start + 100ms));
  CHECK_FALSE(door.worth_a_line(start + 200ms));
  CHECK(door.worth_a_line(start + 1s) == 3);
}

TEST_CASE("a pattern matches what a glob matches") {
  std::minstd_rand random(7);
  auto text = [&](std::string_view letters, std::size_t longest) {
    std::string out(random() % (longest + 1), ' ');
    for (auto& c : out) c = letters[random() % letters.size()];
    return out;
  };
  for (int i = 0; i < 20'000; ++i) {
    const auto glob = text("ab*?", i % 2 == 0 ? 6 : 130);
    const auto name = text("ab", i % 2 == 0 ? 8 : 200);
    if (glob.empty()) continue;
    INFO(glob << " and " << name);
    CHECK(pattern(glob).matches(name) == connection::glob_match(glob, name));
  }
  CHECK(pattern("").matches("anything"));
  CHECK(pattern("chat:*").matches("chat:"));
  CHECK_FALSE(pattern("chat").matches("chat:"));
}

TEST_CASE("a pattern made to take long takes no longer") {
  const pattern worst("*" + std::string(255, 'a') + "b*");
  const std::string name(250, 'a');
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) CHECK_FALSE(worst.matches(name));
  CHECK(std::chrono::steady_clock::now() - begun < 1s); // a hundred of them, and unoptimised
}

TEST_CASE("the gate remembers a bounded number of addresses") {
  gate door;
  const auto start = gate::time_point{} + 1h;
  config::ip_address who{};
  for (std::size_t i = 0; i < gate::max_addresses + 10; ++i) {
    who.bytes[0] = static_cast<std::uint8_t>(i);
    who.bytes[1] = static_cast<std::uint8_t>(i >> 8U);
    CHECK(door.admit(who, start + std::chrono::milliseconds(i)));
  }
}

TEST_CASE("a quantile lies where the observations do") {
  const std::vector<double> bounds{1, 2, 4};
  CHECK(quantile(bounds, {0, 0, 0, 0}, 0.5) == 0);
  CHECK(quantile(bounds, {10, 0, 0, 0}, 0.5) == doctest::Approx(0.5));
  CHECK(quantile(bounds, {0, 10, 0, 0}, 0.5) == doctest::Approx(1.5));
  CHECK(quantile(bounds, {5, 5, 0, 0}, 0.99) == doctest::Approx(1.98));
  CHECK(quantile(bounds, {0, 0, 0, 3}, 0.5) == 4);
}

TEST_CASE("the rate of a channel is that of the last whole second") {
  channel::traffic t;
  const auto start = channel::traffic::time_point{} + 100s;
  for (int i = 0; i < 5; ++i) t.count(10, start + 100ms * i);
  CHECK(t.last_second(start + 900ms) == 0);
  CHECK(t.last_second(start + 1500ms) == 5);
  t.count(10, start + 1600ms);
  CHECK(t.last_second(start + 1700ms) == 5);
  CHECK(t.last_second(start + 2500ms) == 1);
  CHECK(t.last_second(start + 9s) == 0);
  CHECK(t.publications() == 6);
  CHECK(t.bytes() == 60);
}

TEST_CASE("libraries are kept once each, and a bounded number of them") {
  connection::library_names names;
  CHECK(names.find("", "") == nullptr);
  const auto* js = names.find("js", "5.0");
  CHECK(names.find("js", "5.0") == js);
  for (int i = 0; i < 100; ++i) (void)names.find("made up", std::to_string(i));
  CHECK(names.find("js", "5.0") == js);
  CHECK(names.find("made up", "999")->name == "other");
  CHECK(names.find(std::string(100, 'x'), "")->name == "other");
}
