// The plugin of the end-to-end tests: the unit tests' actors, a slow one, one that acts on members, and hooks for
// everything.

#include "tests/actors/extension/sample_actors.hpp"

#include <plexus/hooks.hpp>

#include <atomic>
#include <thread>

namespace {

using namespace plexus;

class slow final : public testing::counter {
public:
  void on_call(call& c) override {
    if (c.verb != "wait") return testing::counter::on_call(c);
    std::this_thread::sleep_for(std::chrono::milliseconds(80));
  }
};

/// `show` STATE of a client to all; `out`: shows a client the door, with a CODE.
class usher final : public channel_actor {
public:
  void on_call(call& c) override {
    const json::object in(c.data);
    const auto client = in.string("client").value_or("");
    if (c.verb == "show")
      set_presence(client, std::string(in.find("state").value_or("null")));
    else if (c.verb == "out")
      remove(client, static_cast<std::uint16_t>(in.integer("code").value_or(2000)));
    else
      c.unknown();
  }
  PLEXUS_NO_STATE
};

/// Says no to whoever or whatever is called "forbidden", throws at "broken", and marks what it lets through.
class marking final : public hooks {
public:
  void on_connect(connecting& c) override {
    if (c.user == "forbidden") return c.refuse(4501, "not you");
    if (c.user == "broken") throw std::runtime_error("broken hook");
    if (c.user == "renamed") c.user = "other";
    c.reply = json::write("hello", c.user);
  }
  void on_subscribe(entering& e) override {
    if (e.channel == "chat:forbidden") return e.refuse(1403, "not there");
    if (e.channel == "chat:marked") e.reply = json::write("marked", e.who.user);
  }
  void on_publish(sending& s) override {
    if (s.data == "\"forbidden\"") return s.refuse(1404, "not that");
    if (s.data == "\"change me\"") s.data = "\"changed\"";
  }
  void on_rpc(asking& a) override {
    if (a.method == "hook.echo") a.answer(std::string(a.data));
    if (a.method == "hook.seen") a.answer(json::write("joins", joins_.load(), "leaves", leaves_.load()));
  }
  void on_join(const caller&, std::string_view) override { ++joins_; }
  void on_leave(const caller&, std::string_view) override { ++leaves_; }

private:
  std::atomic<int> joins_{0}, leaves_{0};
};

} // namespace

PLEXUS_PLUGIN(plugin) {
  plugin.actor<plexus::testing::counter>("counter");
  plugin.actor<plexus::testing::listing>("listing");
  plugin.actor<slow>("slow");
  plugin.actor<usher>("usher");
#ifdef WITH_HOOKS
  plugin.hooks<marking>();
#endif
}
