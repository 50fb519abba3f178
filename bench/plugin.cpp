// Two plugins: hooks that do nothing, and `bidding`.

#ifdef WITH_HOOKS

#include <plexus/hooks.hpp>

namespace {

class nothing final : public plexus::hooks {
  void on_connect(plexus::connecting&) override {}
  void on_subscribe(plexus::entering&) override {}
  void on_publish(plexus::sending&) override {}
  void on_rpc(plexus::asking&) override {}
  void on_join(const plexus::caller&, std::string_view) override {}
  void on_leave(const plexus::caller&, std::string_view) override {}
};

} // namespace

PLEXUS_PLUGIN(plugin) {
  plugin.hooks<nothing>();
}

#else

#include "bidding.hpp"

PLEXUS_PLUGIN(plugin) {
  plugin.actor<bidding>("bidding");
}

#endif
