#include "config/schema.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

namespace plexus::config {
namespace {

template <class T>
kind<T> standard() {
  if constexpr (std::is_same_v<T, bool>)
    return flag();
  else if constexpr (std::is_same_v<T, double>)
    return amount();
  else if constexpr (std::is_same_v<T, duration>)
    return time_span();
  else if constexpr (std::is_same_v<T, offer>)
    return offered();
  else if constexpr (std::is_same_v<T, std::string>)
    return text();
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return texts();
  else
    return whole<T>();
}

/// Adds the keys of one section. `Get` leads from the owner to the section.
template <class Owner, class Get>
class section {
public:
  section(std::vector<field<Owner>>& to, std::string prefix, bool live, Get get) :
      to_(to), prefix_(std::move(prefix)), live_(live), get_(get) {}

  template <class T, class Section>
  field<Owner>& operator()(const char* name, T Section::*member, kind<T> of = standard<T>()) {
    auto read = [get = get_, member, parse = std::move(of.read)](const json& value, Owner& owner) {
      auto parsed = parse(value);
      if (parsed) get(owner).*member = *std::move(parsed);
      return parsed.has_value();
    };
    auto write = [get = get_, member, print = std::move(of.write)](const Owner& owner) {
      return print(get(owner).*member);
    };
    to_.push_back({prefix_ + name, of.text, std::move(of.expected), std::move(read), std::move(write), live_});
    return to_.back();
  }

private:
  std::vector<field<Owner>>& to_;
  std::string prefix_;
  bool live_;
  Get get_;
};

constexpr bool live = true, restart = false;

kind<access> allowed(bool subscribers) {
  std::vector<choice<access>> who{{"nobody", access::nobody}, {"token", access::nobody}};
  if (subscribers) who.push_back({"subscriber", access::subscriber});
  who.insert(who.end(), {{"user", access::user}, {"anyone", access::anyone}});
  return one_of(std::move(who));
}

std::vector<option> make_options() {
  std::vector<option> all;
  using c = channel_options;
  section add{all, "", live, [](auto& o) -> decltype(auto) { return (o); }};
  add("subscribe", &c::subscribe, allowed(false));
  add("publish", &c::publish, allowed(true));
  add("read_presence", &c::read_presence, allowed(true));
  add("read_history", &c::read_history, allowed(true));
  add("presence", &c::presence);
  add("presence_grace", &c::presence_grace);
  add("max_state_size", &c::max_state_size);
  add("join_leave", &c::join_leave);
  add("history_size", &c::history_size);
  add("history_ttl", &c::history_ttl);
  add("recover", &c::recover);
  add("delta", &c::delta);
  add("durability", &c::durability,
      one_of<durability>({{"fast", durability::fast}, {"replicated", durability::replicated}}));
  add("on_slow", &c::on_slow,
      one_of<slow_policy>({{"disconnect", slow_policy::disconnect}, {"latest", slow_policy::latest}}));
  add("max_subscribers", &c::max_subscribers);
  add("publications_per_second", &c::publications_per_second);
  add("actor", &c::actor);
  add("max_actor_mailbox", &c::max_actor_mailbox);
  add("max_actor_state", &c::max_actor_state);
  add("actor_budget", &c::actor_budget);
  add("actor_idle", &c::actor_idle);
  add("actor_state_ttl", &c::actor_state_ttl);
  return all;
}

void add_client(std::vector<key>& all) {
  using c = client_section;
  section add{all, "client.", live, [](auto& s) -> decltype(auto) { return (s.client); }};
  add("insecure", &c::insecure);
  add("anonymous", &c::anonymous);
  add("allowed_origins", &c::allowed_origins);
  add("connect_timeout", &c::connect_timeout);
  add("ping_interval", &c::ping_interval);
  add("pong_timeout", &c::pong_timeout);
  add("expired_close_delay", &c::expired_close_delay);
  add("max_message_size", &c::max_message_size, whole<std::size_t>(1));
  add("max_queue_size", &c::max_queue_size);
  add("max_reply_size", &c::max_reply_size);
  add("max_channels", &c::max_channels);
  add("max_channel_length", &c::max_channel_length);
  add("max_recovered", &c::max_recovered);
  add("max_history_page", &c::max_history_page);
  add("max_connections_per_user", &c::max_connections_per_user);
  add("compression", &c::compression);

  section token{all, "client.token.", live, [](auto& s) -> decltype(auto) { return (s.client.token); }};
  token("hmac_secret", &token_section::hmac_secrets, one_or_more()).hidden();
  token("public_key", &token_section::public_keys, one_or_more()).hidden();
  token("jwks_url", &token_section::jwks_url, web_address()).hidden(); // may carry a password
  token("audience", &token_section::audience);
  token("issuer", &token_section::issuer);

  section rate{all, "client.rate.", live, [](auto& s) -> decltype(auto) { return (s.client.rate); }};
  rate("commands_per_second", &rate_section::commands_per_second);
  rate("bytes_per_second", &rate_section::bytes_per_second);
  rate("burst", &rate_section::burst);
}

void add_backplane(std::vector<key>& all) {
  using b = backplane_section;
  section add{all, "backplane.", restart, [](auto& s) -> decltype(auto) { return (s.backplane); }};
  add("url", &b::url, backplane_url()).hidden(); // may carry a password
  add("partitions", &b::partitions, whole<unsigned>(0, 16'384));
  add("connect_timeout", &b::connect_timeout);
  add("lease", &b::lease, time_span(duration{1}));
  add("hold", &b::hold);
  add("idempotency_ttl", &b::idempotency_ttl);
  add("max_pending", &b::max_pending);
  add("password", &b::password).hidden();
  add("tls.ca", &b::tls_ca);
  add("tls.certificate", &b::tls_certificate);
  add("tls.key", &b::tls_key).hidden(); // a path, but someone will paste the key itself
  add("tls.server_name", &b::tls_server_name);
}

std::vector<key> make_keys() {
  std::vector<key> all;
  section node{all, "node.", restart, [](auto& s) -> decltype(auto) { return (s.node); }};
  node("name", &node_section::name);
  node("loops", &node_section::loops, whole<unsigned>(0, 1024));
  node("drain_timeout", &node_section::drain_timeout);
  node("max_connections", &node_section::max_connections);
  node("max_queue_memory", &node_section::max_queue_memory).live = true;

  section listen{all, "listen.", restart, [](auto& s) -> decltype(auto) { return (s.listen); }};
  listen("address", &listen_section::address, listening_address(false));
  listen("port", &listen_section::port);

  section front{all, "listen.", live, [](auto& s) -> decltype(auto) { return (s.listen); }};
  front("tls.certificate", &listen_section::tls_certificate);
  front("tls.key", &listen_section::tls_key).hidden(); // a path, but the key itself is taken too
  front("trusted_proxies", &listen_section::trusted_proxies, networks());
  front("proxy_protocol", &listen_section::proxy_protocol);
  front("connects_per_second_per_address", &listen_section::connects_per_second_per_address);

  section internal{all, "internal.", restart, [](auto& s) -> decltype(auto) { return (s.internal); }};
  internal("address", &internal_section::address, listening_address(true));
  internal("port", &internal_section::port);

  add_backplane(all);
  add_client(all);

  section api{all, "api.", live, [](auto& s) -> decltype(auto) { return (s.api); }};
  api("key", &api_section::key).hidden();
  api("max_body", &api_section::max_body);

  section log{all, "log.", live, [](auto& s) -> decltype(auto) { return (s.log); }};
  log("level", &log_section::level,
      one_of<log_level>({{"trace", log_level::trace},
                         {"debug", log_level::debug},
                         {"info", log_level::info},
                         {"warn", log_level::warn},
                         {"error", log_level::error}}));
  log("format", &log_section::format, one_of<log_format>({{"text", log_format::text}, {"json", log_format::json}}));
  log("output", &log_section::output,
      one_of<log_output>({{"stderr", log_output::standard_error}, {"stdout", log_output::standard_output}}));

  section root{all, "", live, [](auto& s) -> decltype(auto) { return (s); }};
  root("demo", &settings::demo);
  root("admin.secret", &settings::admin_secret).hidden();
  section fixed{all, "", restart, [](auto& s) -> decltype(auto) { return (s); }};
  fixed("plugins", &settings::plugins);

  for (const auto& o : options())
    all.push_back({"channels.default." + o.path, o.text, o.expected,
                   [&o](const json& value, settings& s) { return o.read(value, s.default_channel); },
                   [&o](const settings& s) { return o.write(s.default_channel); }, o.live, o.secret});
  return all;
}

} // namespace

std::span<const option> options() {
  static const std::vector<option> all = make_options();
  return all;
}

std::span<const key> keys() {
  static const std::vector<key> all = make_keys();
  return all;
}

const key* find_key(std::string_view path) noexcept {
  const auto found = std::ranges::find(keys(), path, &key::path);
  return found == keys().end() ? nullptr : &*found;
}

const option* find_option(std::string_view name) noexcept {
  const auto found = std::ranges::find(options(), name, &option::path);
  return found == options().end() ? nullptr : &*found;
}

} // namespace plexus::config
