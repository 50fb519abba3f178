#include "config/reload.hpp"

#include "config/schema.hpp"

#include <nlohmann/json.hpp>

namespace plexus::config {
namespace {

/// All of a namespace's options are live, so only what to say about them is to be found out.
void name_changed_namespaces(const settings& running, const settings& fresh, std::vector<std::string>& names) {
  const std::string prefix = "channels.namespaces.";
  for (const auto& [name, before] : running.namespaces) {
    const auto found = fresh.namespaces.find(name);
    if (found == fresh.namespaces.end()) {
      names.push_back(prefix + name);
      continue;
    }
    for (const auto& o : options()) {
      if (o.same(before, found->second)) continue;
      // Only following `channels.default`, which is named itself.
      if (o.same(before, running.default_channel) && o.same(found->second, fresh.default_channel)) continue;
      names.push_back(prefix + name + "." + o.path);
    }
  }
  for (const auto& [name, after] : fresh.namespaces)
    if (!running.namespaces.contains(name)) names.push_back(prefix + name);
}

} // namespace

reload_plan plan_reload(const settings& running, const settings& fresh) {
  reload_plan plan{running, {}, {}};
  for (const auto& k : keys()) {
    if (k.same(running, fresh)) continue;
    if (k.live) k.read(k.write(fresh), plan.merged);
    (k.live ? plan.applied : plan.restart).push_back(k.path);
  }
  name_changed_namespaces(running, fresh, plan.applied);
  plan.merged.namespaces = fresh.namespaces;
  return plan;
}

} // namespace plexus::config
