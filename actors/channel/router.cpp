#include "actors/channel/router.hpp"

#include "actors/channel/channel_actor.hpp"

namespace plexus::channel {

channel_table::channel_table(runtime::runtime& runtime, runtime::loop& on, backplane::backplane& backplane,
                             std::shared_ptr<const config::settings> conf) :
    node_runtime(runtime), home(on), plane(backplane), settings(std::move(conf)) {}

channel_table::entry* channel_table::find(std::string_view name) {
  auto i = channels_.find(name);
  return i == channels_.end() ? nullptr : &i->second;
}

channel_table::entry* channel_table::get(std::string_view name) {
  if (auto* known = find(name)) return known;
  auto* options = settings->options_of(name);
  if (!options) return nullptr;
  auto actor = runtime::spawn_on<channel_actor>(home, *this, std::string(name), *options);
  auto* object = static_cast<channel_actor*>(caf::actor_cast<caf::abstract_actor*>(actor));
  auto& made = channels_.emplace(std::string(name), entry{std::move(actor), object, 0}).first->second;
  object->bind(made);
  return &made;
}

channel_router::channel_router(runtime::runtime& loops, backplane::backplane& plane,
                               std::shared_ptr<const config::settings> settings) :
    loops_(loops) {
  for (unsigned i = 0; i < loops.size(); ++i)
    tables_.push_back(std::make_unique<channel_table>(loops, loops.at(i), plane, settings));
}

void channel_router::connect_transports(const std::vector<caf::actor>& transports) {
  for (auto& t : tables_) t->transports = transports;
}

void channel_router::connect_actors(extension::host& actors) {
  for (auto& t : tables_) t->actors = &actors;
}

void channel_router::apply(const std::shared_ptr<const config::settings>& settings) {
  for (auto& t : tables_)
    t->home.post([settings, t = t.get()] {
      t->settings = settings;
      for (auto& [name, e] : t->all()) {
        // The count belongs to the entry; it is not part of its identity.
        auto* own = t->find(name);
        ++own->in_mailbox;
        caf::anon_send(own->actor, options_changed{});
      }
    });
}

} // namespace plexus::channel
