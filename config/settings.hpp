#pragma once
// What a node can be told: one plain struct a section of the configuration file, with the defaults that hold
// where the file is silent. Reading and checking is in load.hpp; nothing here knows JSON.
//
// Owner: `main` fills one `settings`, everyone else gets it as `std::shared_ptr<const settings>`; a reload (SIGHUP)
// makes a new one. Units are in the types; sizes are bytes; 0 for a limit or a rate means "none" unless said.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::config {

using duration = std::chrono::milliseconds;

/// Who may do a thing without a right in a token. A token's right is always enough.
enum class access : std::uint8_t {
  nobody,     ///< only a right in the connection's or the subscription's token
  subscriber, ///< whoever is subscribed to the channel (not for `subscribe`)
  user,       ///< any client with a valid token
  anyone,     ///< anonymous clients too
};

/// For options that a client may have to ask for.
enum class offer : std::uint8_t { no, asked, always };

enum class slow_policy : std::uint8_t { disconnect, latest };
enum class durability : std::uint8_t { fast, replicated };
enum class log_level : std::uint8_t { trace, debug, info, warn, error };
enum class log_format : std::uint8_t { text, json };
enum class log_output : std::uint8_t { standard_error, standard_output };

/// Options of the channels of one namespace.
struct channel_options {
  access subscribe = access::nobody; ///< "token" in the file
  access publish = access::nobody;
  access read_presence = access::subscriber;
  access read_history = access::subscriber;
  bool presence = false;
  duration presence_grace{0}; ///< how long a member stays after an unclean end
  std::size_t max_state_size = 4096;
  offer join_leave = offer::no;
  std::size_t history_size = 0; ///< with `history_ttl`: both or neither
  duration history_ttl{0};      ///< counts from the channel's last publication
  offer recover = offer::always;
  bool delta = false;
  config::durability durability = config::durability::fast;
  slow_policy on_slow = slow_policy::disconnect;
  std::size_t max_subscribers = 0;
  double publications_per_second = 0;
  std::string actor;                      ///< a name that a plugin registered; empty: none
  std::size_t max_actor_mailbox = 10'000; ///< commands that one actor has not answered yet
  std::size_t max_actor_state = 1'048'576;
  duration actor_budget{50};             ///< a handler that takes longer is told in the log
  duration actor_idle{60'000};           ///< an actor that nobody uses is put aside after it; 0: never
  duration actor_state_ttl{604'800'000}; ///< what is kept of an unused actor goes after it; 0: never

  [[nodiscard]] bool has_history() const noexcept { return history_size > 0; }
  friend bool operator==(const channel_options&, const channel_options&) = default;
};

struct node_section {
  std::string name; ///< empty: made from host name and process id
  unsigned loops = 0;
  duration drain_timeout{8000};
  std::size_t max_connections = 0; ///< 0: what the open-file limit allows, less a reserve
  std::size_t max_queue_memory = 0;
  friend bool operator==(const node_section&, const node_section&) = default;
};

struct listen_section {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8000;   ///< 0: the kernel picks one
  std::string tls_certificate; ///< a path, or PEM text; with `tls_key`: both or neither
  std::string tls_key;
  std::vector<std::string> trusted_proxies; ///< networks that `parse_network` takes
  bool proxy_protocol = false;              ///< trusted proxies begin with a PROXY header
  double connects_per_second_per_address = 0;
  friend bool operator==(const listen_section&, const listen_section&) = default;
};

struct internal_section {
  std::string address; ///< empty: API, health and metrics are on the public port
  std::uint16_t port = 0;
  [[nodiscard]] bool on() const noexcept { return !address.empty(); }
  friend bool operator==(const internal_section&, const internal_section&) = default;
};

struct backplane_section {
  std::string url = "memory:";
  unsigned partitions = 0;
  duration connect_timeout{10'000};
  duration lease{10'000};
  duration hold{4000};
  duration idempotency_ttl{300'000};
  std::size_t max_pending = 100'000;
  std::string password; ///< read from `password_file`
  std::string tls_ca, tls_certificate, tls_key, tls_server_name;
  friend bool operator==(const backplane_section&, const backplane_section&) = default;
};

struct token_section {
  std::vector<std::string> hmac_secrets; ///< the first mints, all verify
  std::vector<std::string> public_keys;
  std::string jwks_url;
  std::string audience;
  std::string issuer;
  friend bool operator==(const token_section&, const token_section&) = default;
};

struct rate_section {
  double commands_per_second = 0;
  double bytes_per_second = 0;
  double burst = 0;
  friend bool operator==(const rate_section&, const rate_section&) = default;
};

struct client_section {
  bool insecure = false;  ///< development: no token asked, everything allowed
  bool anonymous = false; ///< a client may connect without a token
  std::vector<std::string> allowed_origins;
  token_section token;
  duration connect_timeout{15'000};
  duration ping_interval{25'000};
  duration pong_timeout{8000};
  duration expired_close_delay{25'000};
  std::size_t max_message_size = 65'536;
  std::size_t max_queue_size = 1'048'576;
  std::size_t max_reply_size = 16'777'216;
  std::size_t max_channels = 128;
  std::size_t max_channel_length = 255;
  std::size_t max_recovered = 10'000;
  std::size_t max_history_page = 1000;
  std::size_t max_connections_per_user = 0;
  bool compression = false;
  rate_section rate;
  friend bool operator==(const client_section&, const client_section&) = default;
};

struct api_section {
  std::string key; ///< empty: the API is off
  std::size_t max_body = 1'048'576;
  friend bool operator==(const api_section&, const api_section&) = default;
};

struct log_section {
  log_level level = log_level::info;
  log_format format = log_format::text;
  log_output output = log_output::standard_error;
  friend bool operator==(const log_section&, const log_section&) = default;
};

struct settings {
  node_section node;
  listen_section listen;
  internal_section internal;
  backplane_section backplane;
  client_section client;
  api_section api;
  std::string admin_secret;
  bool demo = false;
  log_section log;
  std::vector<std::string> plugins;
  channel_options default_channel;
  std::map<std::string, channel_options, std::less<>> namespaces;

  /// The options of `channel`, or nullptr where its namespace isn't configured (error 102). A channel without
  /// a `:` has the options of `channels.default`.
  [[nodiscard]] const channel_options* options_of(std::string_view channel) const noexcept;

  friend bool operator==(const settings&, const settings&) = default;
};

} // namespace plexus::config
