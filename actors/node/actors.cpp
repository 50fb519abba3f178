// What ties channel actors to the rest of the node.

#include "actors/node/parts.hpp"

#include "actors/connection/client.hpp"
#include "actors/connection/messages.hpp"

namespace plexus::node {

namespace {

std::string fault_of(const extension::plugins& known, const std::string& key,
                     const config::channel_options& options) {
  if (options.actor.empty() || known.find(options.actor)) return {};
  const auto names = known.names();
  return key + ".actor: found \"" + options.actor + "\", expected " +
         (names.empty() ? "a plugin that has an actor of that name (plugins has none)" : "one of " + names);
}

} // namespace

std::string actor_fault(const extension::plugins& known, const config::settings& s) {
  if (auto wrong = fault_of(known, "channels.default", s.default_channel); !wrong.empty()) return wrong;
  for (const auto& [name, options] : s.namespaces)
    if (auto wrong = fault_of(known, "channels.namespaces." + name, options); !wrong.empty()) return wrong;
  return {};
}

std::string plugin_fault(const config::settings& s) {
  try {
    extension::plugins all;
    all.load(s.plugins);
    return actor_fault(all, s);
  } catch (const std::exception& e) {
    return e.what();
  }
}

void node::parts::load_plugins(const config::settings& s) {
  try {
    plugins.load(s.plugins);
  } catch (const std::exception& e) {
    throw bad_settings(e.what());
  }
  if (const auto wrong = actor_fault(plugins, s); !wrong.empty()) throw bad_settings(wrong);
}

void actor_surroundings::unsubscribe(const std::string& channel, const member& who, std::uint16_t code) {
  const auto as = static_cast<protocol::unsubscribe_code>(code);
  for (unsigned i = 0; i < of_.loops.size(); ++i)
    of_.loops.at(i).post([this, i, channel, who, as] {
      const auto end = [&](connection::client& c) {
        if (c.id() == who.client) caf::anon_send(c.self(), connection::server_unsubscribe{channel, as});
      };
      auto& here = of_.clients.on(of_.loops.at(i));
      if (who.user.empty())
        here.each(end);
      else
        here.each_of(who.user, end);
    });
}

void actor_surroundings::set_presence(const std::string& channel, const member& who, const std::string& json) {
  of_.channels.tell_existing(channel, channel::update_presence{who.client, json, [](const auto&) {}});
}

void actor_network::alive(std::function<void(std::optional<std::vector<std::string>>)> done) {
  of_.plane->peers([done = std::move(done)](const backplane::outcome<std::vector<backplane::peer>>& got) {
    if (!got) return done(std::nullopt);
    std::vector<std::string> out;
    for (const auto& each : *got) out.push_back(each.uid);
    done(std::move(out));
  });
}

void actor_network::ask(const std::string& node, std::string body, std::chrono::milliseconds timeout,
                        std::function<void(std::optional<std::string>)> done) {
  of_.nodes.ask(node, subject, std::move(body), timeout, [done = std::move(done)](cluster::answers got) {
    if (got.from.empty())
      done(std::nullopt);
    else
      done(std::move(got.from.front().body));
  });
}

} // namespace plexus::node
