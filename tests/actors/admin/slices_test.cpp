// No list request holds a loop up: what it looks at at once is counted, over 20,000 entries of each kind; and what
// becomes of it is joined and written elsewhere.

#include "actors/admin/walk.hpp"
#include "actors/connection/client.hpp"
#include "tests/actors/admin/world.hpp"

#include <doctest/doctest.h>

#include <future>

using namespace plexus;
using namespace plexus::admin;
using namespace plexus::admin::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t many = 20'000;
/// What a step may look at beyond its bound: its last entry may be a dear one, the last bucket a full one.
constexpr std::size_t most_of_a_slice = walked_a_slice + 2 * walked_a_step;

/// Each step looks at `a_step` and takes `takes` of a clock that the test has.
struct counted_walker final : walker {
  bool step() override {
    time += takes;
    return ++steps < all;
  }
  std::size_t spent() const noexcept override { return a_step; }
  slice_end slice(walk_clock::duration allowed) {
    return take_slice(*this, allowed, [this] { return time; });
  }

  walk_clock::time_point time{};
  walk_clock::duration takes{};
  std::size_t a_step = walked_a_step, steps = 0, all = many;
};

struct crowd {
  world node;
  std::vector<std::unique_ptr<connection::client>> clients;

  ~crowd() {
    for (auto& c : clients) node.env.clients.on(node.home()).remove(*c);
  }
  void connect(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<connection::client>(
          node.env.transports[0]->environment(), channel::session_id{}, protocol::codec_for(protocol::format::json),
          caf::actor_addr(), connection::moment::now()));
      node.env.clients.on(node.home()).add(*clients.back());
    }
  }
  void open_channels(std::size_t count) {
    node.node.conf->default_channel.presence = false;
    std::size_t opened = 0;
    for (std::size_t i = 0; i < count; ++i) {
      channel::subscribe m; // or it would be over before it is looked at
      m.who.client = "client";
      m.done = [&opened](const auto&) { ++opened; };
      node.env.channels.tell("room" + std::to_string(i), std::move(m));
    }
    for (std::size_t i = 0; opened < count && i < count; ++i) node.home().turn(false);
    REQUIRE(opened == count);
  }

  struct seen {
    json answer;
    std::size_t turns = 0, slices = 0, looked = 0, most = 0;
  };
  seen ask(std::string_view method, const json& with) {
    auto& record = walked();
    record.slices = record.looked = record.most_looked = 0;
    seen out;
    node.asks.run(method, with, {access::read, "a test"}, [&out](json what) { out.answer = std::move(what); });
    for (; out.answer.is_null() && out.turns < many; ++out.turns) node.home().turn(false);
    out.slices = record.slices;
    out.looked = record.looked;
    out.most = record.most_looked;
    return out;
  }
  /// All `many` were looked at, in slices each of which is within the bound and a turn of its own.
  void check_slices(const seen& got) {
    REQUIRE(got.answer.contains("result"));
    CHECK(got.looked >= many);
    CHECK(got.most <= most_of_a_slice);
    CHECK(got.slices >= many / most_of_a_slice);
    CHECK(got.turns + 1 >= got.slices); // the first is behind a message
  }
};

} // namespace

TEST_CASE("a slice ends with its time, with its share of entries, or with the walk") {
  counted_walker who;
  SUBCASE("its time: the step under way is finished") {
    who.takes = 150us;
    const auto got = who.slice(400us);
    CHECK(got.more);
    CHECK(who.steps == 3);
  }
  SUBCASE("its share, where the clock stands still") {
    const auto got = who.slice(400us);
    CHECK(got.more);
    CHECK(got.looked == walked_a_slice);
    CHECK(who.steps == walked_a_slice / walked_a_step);
  }
  SUBCASE("the walk") {
    who.all = 2;
    const auto got = who.slice(400us);
    CHECK_FALSE(got.more);
    CHECK(got.looked == 2 * walked_a_step);
  }
}

TEST_CASE("where turns are long, a slice is longer, and never as long as a millisecond") {
  CHECK(slice_after(0us) == usual_slice);
  CHECK(slice_after(5ms) == usual_slice);
  CHECK(slice_after(10ms) == 500us);
  CHECK(slice_after(1h) == longest_slice);
  CHECK(longest_slice < 1ms);
}

TEST_CASE_FIXTURE(crowd, "connections are looked at in slices") {
  connect(many);
  check_slices(ask("connections", {{"limit", 200}}));
  check_slices(ask("connections", {{"user", "*" + std::string(200, 'a') + "b*"}, {"sort", "queue"}}));
  check_slices(ask("actors", json::object()));
  // One in full is looked for among all.
  const auto got = ask("connection", {{"client", "nobody"}});
  CHECK(got.answer["error"]["code"] == 108);
  CHECK(got.looked >= many);
  CHECK(got.most <= most_of_a_slice);
  CHECK(got.turns >= many / most_of_a_slice);
}

TEST_CASE_FIXTURE(crowd, "channels are looked at in slices, and a page is as long as pages get") {
  open_channels(many);
  for (const char* sort : {"name", "subscribers", "rate"}) {
    const auto got = ask("channels", {{"limit", 200}, {"sort", sort}});
    check_slices(got);
    CHECK(got.answer["result"]["channels"].size() == 200);
    CHECK(got.answer["result"]["matched"] == many);
  }
  check_slices(ask("actors", json::object()));
  // By name, none at all but those.
  json names = json::array();
  for (int i = 0; i < 200; ++i) names.push_back("room" + std::to_string(i));
  const auto named = ask("channels", {{"names", names}});
  CHECK(named.answer["result"]["channels"].size() == 200);
  CHECK(named.answer["result"]["next"].is_null());
  CHECK(named.looked == 200);
}

TEST_CASE_FIXTURE(crowd, "blocked users are looked at in slices") {
  for (std::size_t i = 0; i < many; ++i) node.deny(connection::denial_kind::block, "user" + std::to_string(i));
  for (const char* search : {"", "user19", "nobody"})
    check_slices(ask("blocked", {{"search", search}, {"limit", 200}}));
}

TEST_CASE_FIXTURE(crowd, "of a channel with many members and a long history the first and the last are shown") {
  node.node.conf->default_channel.history_size = many;
  for (std::size_t i = 0; i < many; ++i) {
    protocol::client_info who;
    who.client = "client" + std::to_string(i);
    who.user = "ann";
    node.env.plane.enter("room", who, [](const auto&) {});
    channel::publish m;
    m.what.data = "1";
    m.done = [](const auto&) {};
    node.env.channels.tell("room", std::move(m));
  }
  node.turn();
  const auto got = ask("channel", {{"channel", "room"}, {"limit", 100}, {"payloads", true}}).answer["result"];
  CHECK(got["members"]["clients"] == many);
  CHECK(got["members"]["first"].size() == 100);
  CHECK(got["history"]["position"]["offset"] == many);
  CHECK(got["history"]["last"].size() == 100);
}

TEST_CASE("what was looked up is joined, sorted and written on no loop") {
  auto threads = std::make_unique<extension::aside_pool>(1U);
  world node(threads.get());
  REQUIRE(node.asks.only_reads("past"));
  node.asks.run("publish", {{"channel", "room"}, {"data", 1}, {"reason", "test"}}, {access::write, "a test"},
                [](const json&) {});
  std::promise<void> gate;
  REQUIRE(threads->run([open = gate.get_future().share()] { open.wait(); }));
  const std::vector<std::pair<std::string, json>> requests{
      {"connections", {{"limit", 200}}},  {"channels", json::object()}, {"channels", {{"names", {"room"}}}},
      {"channel", {{"channel", "room"}}}, {"blocked", json::object()},  {"actors", json::object()},
      {"past", json::object()},           {"logs", json::object()},     {"audit", json::object()},
      {"backplane", json::object()},      {"nodes", json::object()},
  };
  std::size_t answered = 0;
  for (auto& [method, with] : requests)
    node.asks.run(method, with, {access::read, "a test"}, [&](const json& what) {
      CHECK(what.contains("result"));
      ++answered;
    });
  for (int i = 0; i < 20; ++i) node.turn();
  CHECK(answered == 0);
  gate.set_value();
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (answered < requests.size() && std::chrono::steady_clock::now() < end) node.turn();
  CHECK(answered == requests.size());
  threads.reset(); // as a service does: they end before the loops are gone
}
