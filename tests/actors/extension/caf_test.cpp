// A CAF actor beside a channel actor, as plexus/caf.hpp shows it: both run on one thread, whoever sends.

#include "tests/actors/extension/cluster_bench.hpp"

#include <plexus/caf.hpp>

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <set>
#include <thread>

using namespace plexus;
using namespace plexus::extension;
using namespace plexus::extension::testing;

namespace {

struct notes {
  std::set<std::thread::id> threads;
  int heard = 0;
  bool ended = false;
  caf::actor helper;
};

class helper final : public caf_actor {
public:
  helper(caf::actor_config& config, notes& to) : caf_actor(config), to_(to) {}
  caf::behavior make_behavior() override {
    note();
    return {[this](int) {
      note();
      ++to_.heard;
    }};
  }
  void on_exit() override { to_.ended = true; }

private:
  void note() { to_.threads.insert(std::this_thread::get_id()); }
  notes& to_;
};

notes& seen() {
  static notes all;
  return all;
}

class room final : public channel_actor {
public:
  ~room() override {
    if (helper_) caf::anon_send_exit(helper_, caf::exit_reason::user_shutdown);
  }
  void on_call(call& c) override {
    seen().threads.insert(std::this_thread::get_id());
    if (!helper_) helper_ = spawn_beside<helper>(here(), seen());
    caf::anon_send(helper_, 1);
    seen().helper = helper_;
    c.reply("{}");
  }

private:
  caf::actor helper_;
  PLEXUS_NO_STATE
};

} // namespace

TEST_CASE("a CAF actor beside a channel actor runs on its loop, and ends with it") {
  {
    cluster_bench all(1);
    auto& n = all.nodes[0];
    n.code.add_actor("room", []() -> std::unique_ptr<channel_actor> { return std::make_unique<room>(); });
    auto s = std::make_shared<config::settings>(*n.settings);
    s->namespaces["c"].actor = "room";
    n.it->apply(s);
    all.turn();
    CHECK(n.ask_well("c:1", n.call("ann", "x")).what.code == 0);
    REQUIRE(all.until([] { return seen().heard == 1; }));
    std::thread elsewhere([] { caf::anon_send(seen().helper, 2); });
    elsewhere.join();
    REQUIRE(all.until([] { return seen().heard == 2; }));
    CHECK(seen().threads == std::set<std::thread::id>{std::this_thread::get_id()});
    seen().helper = nullptr;
    bool gone = false;
    n.it->let_go([&] { gone = true; });
    REQUIRE(all.until([&] { return gone && seen().ended; }));
  }
}
