#include "actors/runtime/runtime.hpp"
#include "backplane/memory_backplane.hpp"
#include "backplane/memory_store.hpp"
#include "presence/presence_actor.hpp"
#include "tests/backplane/silent_backplane.hpp"

#include <caf/send.hpp>

#include <doctest/doctest.h>

using namespace plexus;

namespace {

struct watcher final : presence::observer, backplane::deaf_listener {
  void joined(const protocol::client_info& who) override { seen.push_back("+" + who.client + who.channel_info); }
  void left(const protocol::client_info& who) override { seen.push_back("-" + who.client); }
  void settled(std::uint64_t handled) override { done_with = handled; }
  void presence_failed() override { failed = true; }
  std::vector<std::string> seen;
  std::uint64_t done_with = 0;
  bool failed = false;
};

template <class T>
using answer_to = backplane::answer<T>;
using backplane::presence_change, backplane::presence_snapshot;

/// Of each kind of call the last answer is kept; the test gives it.
struct asked final : backplane::silent_backplane {
  void enter(const std::string&, protocol::client_info, answer_to<presence_change> done) override {
    entered = std::move(done);
  }
  void members(const std::string&, answer_to<presence_snapshot> done) override { wanted = std::move(done); }
  answer_to<presence_change> entered;
  answer_to<presence_snapshot> wanted;
};

/// One presence actor on a loop that the test turns.
struct stage {
  explicit stage(backplane::backplane& plane) :
      actor(runtime::spawn_on<presence::presence_actor>(rt.at(0), std::string("chat:x"), plane,
                                                        std::chrono::milliseconds(0),
                                                        std::make_shared<presence::observer*>(&w))) {}
  explicit stage(const std::shared_ptr<backplane::memory_store>& store) :
      own(std::make_unique<backplane::memory_backplane>(
          store, "node", w,
          [this](std::string_view, std::function<void()> work) { rt.at(0).defer(std::move(work)); },
          [] { return std::chrono::milliseconds(1); })) {
    own->subscribe("chat:x", {}, {}); // a channel occupies before anyone enters
    actor = runtime::spawn_on<presence::presence_actor>(rt.at(0), std::string("chat:x"), *own,
                                                        std::chrono::milliseconds(0),
                                                        std::make_shared<presence::observer*>(&w));
  }
  ~stage() {
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    turn();
  }
  void turn() {
    for (int i = 0; i < 10; ++i) rt.at(0).turn(false);
  }
  template <class Message>
  void tell(Message what) {
    caf::anon_send(actor, std::move(what));
  }
  /// How many members there are; "100", or "nothing" when no answer has come.
  std::string count() {
    auto said = std::make_shared<std::string>("nothing");
    tell(presence::query{[said](backplane::outcome<const presence::member_set*> now) {
      *said = now ? std::to_string((*now)->clients()) : std::to_string(static_cast<int>(now.error()));
    }});
    turn();
    return *said;
  }

  watcher w;
  runtime::runtime rt{1};
  std::unique_ptr<backplane::memory_backplane> own;
  caf::actor actor;
};

} // namespace

TEST_CASE("a leave does not overtake updates that wait, so nobody stays behind as a ghost") {
  stage s(std::make_shared<backplane::memory_store>());
  s.tell(presence::enter{{"u", "a", "", ""}});
  s.tell(presence::update{"a", "1", [](auto r) { CHECK(r.ok()); }});
  s.tell(presence::update{"a", "2", [](auto) {}});
  s.tell(presence::leave{"a", true});
  s.turn();
  CHECK(s.count() == "0");
  CHECK(s.w.done_with == 2);
  std::string seen;
  for (auto& one : s.w.seen) seen += one + " ";
  CHECK(seen == "+a +a1 +a2 -a ");
}

TEST_CASE("while the members could not be read, nobody is told that there are none") {
  asked plane;
  stage s(plane);
  s.turn();
  CHECK(s.count() == "nothing"); // waits for the first snapshot
  REQUIRE(plane.wanted);
  const auto failed = std::exchange(plane.wanted, nullptr);
  std::string early = "nothing", updated = "nothing";
  s.tell(presence::query{[&](auto now) { early = now ? "some" : std::to_string(static_cast<int>(now.error())); }});
  s.tell(presence::update{
      "a", "1", [&](auto now) { updated = now ? "done" : std::to_string(static_cast<int>(now.error())); }});
  s.turn();
  failed(protocol::error_code::internal);
  s.turn();
  CHECK(early == "100");
  CHECK(updated == "100");
  CHECK(s.count() == "100"); // until it is tried again
}

TEST_CASE("members of other nodes keep no channel that nobody uses here") {
  auto store = std::make_shared<backplane::memory_store>();
  stage s(store);
  backplane::deaf_listener deaf;
  backplane::memory_backplane other(
      store, "other", deaf, [](std::string_view, const std::function<void()>& work) { work(); },
      [] { return std::chrono::milliseconds(1); });
  other.enter("chat:x", {"u", "b", "", ""}, {});
  s.tell(presence::enter{{"u", "a", "", ""}});
  s.turn();
  CHECK(s.count() == "2");
  s.tell(presence::leave{"a", true});
  s.turn();
  CHECK(s.count() == "1");
  CHECK(s.w.done_with == 2);
}

TEST_CASE("a member within its grace, or on its way, is not done with") {
  asked plane;
  stage s(plane);
  s.turn();
  plane.wanted(presence_snapshot{0, "e", {}});
  s.tell(presence::enter{{"u", "a", "", ""}});
  s.turn();
  CHECK(s.w.done_with == 0);
  plane.entered(presence_change{presence_change::kind::joined, {"u", "a", "", ""}, 1, "e"});
  CHECK(s.w.done_with == 1);
  s.tell(presence::leave{"a", false, std::chrono::hours(1)});
  s.turn();
  CHECK(s.count() == "1");
  CHECK(s.w.done_with == 1);
}
