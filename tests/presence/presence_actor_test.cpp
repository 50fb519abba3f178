#include "actors/runtime/runtime.hpp"
#include "backplane/memory_backplane.hpp"
#include "backplane/memory_store.hpp"
#include "presence/presence_actor.hpp"

#include <caf/send.hpp>

#include <doctest/doctest.h>

using namespace plexus;

namespace {

struct watcher final : presence::observer, backplane::listener {
  void joined(const protocol::client_info& who) override { seen.push_back("+" + who.client + who.channel_info); }
  void left(const protocol::client_info& who) override { seen.push_back("-" + who.client); }
  void emptied() override { empty = true; }
  void published(const std::string&, protocol::publication_ptr) override {}
  void presence_changed(const std::string&, const backplane::presence_change&) override {}
  void in_doubt(const std::string&) override {}
  void presence_in_doubt(const std::string&) override {}
  std::vector<std::string> seen;
  bool empty = false;
};

} // namespace

TEST_CASE("a leave does not overtake updates that wait, so nobody stays behind as a ghost") {
  watcher w;
  runtime::runtime rt(1);
  backplane::memory_backplane plane(
      std::make_shared<backplane::memory_store>(), "node", w,
      [&](std::string_view, std::function<void()> work) { rt.at(0).defer(std::move(work)); },
      [] { return std::chrono::milliseconds(1); });
  plane.subscribe("chat:x", {}, {}); // a channel occupies before anyone enters
  auto actor = runtime::spawn_on<presence::presence_actor>(rt.at(0), std::string("chat:x"), plane,
                                                           std::chrono::milliseconds(0),
                                                           std::make_shared<presence::observer*>(&w));
  caf::anon_send(actor, presence::enter{{"u", "a", "", ""}});
  caf::anon_send(actor, presence::update{"a", "1", [](auto r) { CHECK(r.ok()); }});
  caf::anon_send(actor, presence::update{"a", "2", [](auto) {}});
  caf::anon_send(actor, presence::leave{"a", true});
  std::size_t members = 99;
  for (int i = 0; i < 10; ++i) rt.at(0).turn(false);
  caf::anon_send(actor, presence::query{[&](const presence::member_set& now) { members = now.clients(); }});
  for (int i = 0; i < 10; ++i) rt.at(0).turn(false);
  CHECK(members == 0);
  CHECK(w.empty);
  std::string seen;
  for (auto& one : w.seen) seen += one + " ";
  CHECK(seen == "+a +a1 +a2 -a ");
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  rt.at(0).turn(false);
}
