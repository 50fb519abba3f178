#pragma once
// What a node is made of, in the order it is made. Inside actors/node only.

#include "actors/admin/host.hpp"
#include "actors/admin/peers.hpp"
#include "actors/admin/service.hpp"
#include "actors/channel/channel_actor.hpp"
#include "actors/channel/router.hpp"
#include "actors/cluster/cluster.hpp"
#include "actors/connection/directory.hpp"
#include "actors/extension/host.hpp"
#include "actors/extension/network.hpp"
#include "actors/extension/plugins.hpp"
#include "actors/node/node.hpp"
#include "actors/node/settings_store.hpp"
#include "actors/node/upgrade.hpp"
#include "actors/runtime/machine.hpp"
#include "backplane/memory_backplane.hpp"
#include "backplane/memory_store.hpp"
#include "backplane/redis/redis_backplane.hpp"
#include "config/reload.hpp"
#include "transport/acceptor.hpp"
#include "transport/loop_transport.hpp"
#include "transport/operations/operations_handler.hpp"
#include "transport/stream/cluster_sessions.hpp"

#include <boost/asio/signal_set.hpp>

#include <atomic>
#include <variant>

namespace plexus::node {

/// Since 1970.
std::chrono::milliseconds unix_time();

/// The backplane's news go to the channels they are about.
class news final : public backplane::listener {
public:
  void connect(channel::channel_router& to, cluster::cluster& nodes) {
    to_ = &to;
    nodes_ = &nodes;
  }
  /// `on_each`: runs its argument for the environment of each loop, there. Notices before that are kept by nobody:
  /// the loops haven't started.
  using environment_work = std::function<void(connection::client_environment&)>;
  void connect_environments(std::function<void(environment_work)> on_each) { on_each_ = std::move(on_each); }
  void published(const std::string& channel, protocol::publication_ptr what) override;
  void presence_changed(const std::string& channel, const backplane::presence_change& change) override;
  void in_doubt(const std::string& channel) override;
  void noticed(const backplane::notice& now) override;
  void notices_are(const std::vector<backplane::notice>& all) override;
  void presence_in_doubt(const std::string& channel) override;
  void received(const std::string& from, std::string_view bytes) override;

private:
  channel::channel_router* to_ = nullptr;
  cluster::cluster* nodes_ = nullptr;
  std::function<void(environment_work)> on_each_;
};

/// What channel actors ask of this node.
class actor_surroundings final : public extension::surroundings {
public:
  explicit actor_surroundings(node::parts& of) : of_(of) {}
  void unsubscribe(const std::string& channel, const member& who, std::uint16_t code) override;
  void set_presence(const std::string& channel, const member& who, const std::string& json) override;

private:
  node::parts& of_;
};

/// What is wrong with the namespaces' actors, as a sentence; empty: nothing.
std::string actor_fault(const extension::plugins& known, const config::settings& s);

/// The other nodes, as channel actors need them.
class actor_network final : public extension::network {
public:
  static constexpr auto* subject = "actor";
  explicit actor_network(node::parts& of) : of_(of) {}
  void alive(std::function<void(std::optional<std::vector<std::string>>)> done) override;
  void ask(const std::string& node, std::string body, std::chrono::milliseconds timeout,
           std::function<void(std::optional<std::string>)> done) override;

private:
  node::parts& of_;
};

struct node::parts {
  parts(const config::settings& s, const inherited_sockets& given);

  std::string name, uid;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  runtime::machine machine = runtime::read_machine();
  settings_store settings;
  runtime::runtime loops;
  news listener;
  backplane::redis::redis_backplane* redis = nullptr; ///< `plane`, when it is that one; before it, which sets it
  std::unique_ptr<backplane::backplane> plane;
  cluster::cluster nodes;
  std::exception_ptr failure; ///< why it ended by itself; read after the loops have ended
  extension::plugins plugins; ///< before all that holds objects of theirs
  channel::channel_router channels;
  connection::directory clients;
  transport::site site;
  transport::client_limit limit;
  transport::local_sessions sessions;
  transport::cluster_sessions sessions_anywhere;
  std::vector<std::unique_ptr<transport::loop_transport>> transports;
  std::vector<caf::actor> transport_actors;
  actor_surroundings around{*this};
  actor_network others{*this};
  std::unique_ptr<extension::host> actors;
  transport::tls::context_ptr tls;                 ///< null: the public port speaks plain text; loop 0
  std::atomic<long long> certificate_not_after{0}; ///< seconds since 1970; 0: none
  std::unique_ptr<transport::acceptor> public_port, internal_port;
  std::unique_ptr<admin::host> looked_at;
  std::unique_ptr<admin::peers> admin_peers;
  std::shared_ptr<admin::service> inspection;

  // Loop 0 only.
  /// drained: told to take nobody and send all away, but not to end; inspection does that and undoes it.
  enum class phase { serving, drained, draining, leaving, ended };
  std::atomic<phase> now = phase::serving; ///< changed on loop 0
  std::unique_ptr<boost::asio::signal_set> signals;
  reader reload;
  /// Once a second: what the backplane and the drain need.
  struct pulse_timer final : runtime::timer {
    explicit pulse_timer(parts& of) : owner(of) {}
    void expired() override { owner.pulse(); }
    parts& owner;
  } timer{*this};
  std::chrono::steady_clock::time_point drain_end{}, last_call{}, next_tick{};
  std::unique_ptr<upgrade> successor; ///< while it runs
  bool letting_go = false;            ///< drained: the channel actors are given back

  static constexpr std::chrono::milliseconds let_go_time{2000}, farewell_time{1000};
  /// The longest that a stop takes when the drain's window is over, with time to end the program.
  static constexpr std::chrono::milliseconds after_window = let_go_time + farewell_time + std::chrono::seconds(2);
  std::size_t public_sockets = 0; ///< open at once on both ports, when no more are taken on the public one
  static constexpr std::size_t trim_after = 1000;
  std::size_t most_clients = 0; ///< since memory was given back

  std::unique_ptr<backplane::backplane> make_plane(const config::settings& s);
  /// On loop 0. `then` runs there once the backplane is up; otherwise the node ends.
  void start_backplane(std::function<void()> then);
  /// Throws `bad_settings` for a plugin that can't be used, and for a namespace with an actor that none has.
  void load_plugins(const config::settings& s);
  void give_memory_back();
  void add_routes();
  void wait_for_signal();
  void on_signal(int which);
  void pulse();
  /// `handed_over`: a successor accepts already.
  void drain(bool handed_over);
  /// Tells all that are connected to go, one after the other.
  void send_away(std::chrono::milliseconds spread, bool welcome);
  /// Whether nothing is left to wait for; makes the last call when its time has come.
  bool drained();
  void start_successor();
  /// Says what of the machine will be in the way.
  void give_advice();
  /// All clients are gone: gives the channel actors back, then `end`.
  void let_go();
  /// Closes what is open and takes leave of the other nodes; then `stop`, at the latest after `farewell_time`.
  void end();
  void stop();
  /// On loop 0; a sentence where it can't be, empty: done.
  std::string rest(bool on);
  /// Reads the configuration again, as SIGHUP asks. A sentence where it has faults.
  std::variant<config::reload_plan, std::string> read_again();
  config::reload_plan apply(const config::settings& fresh);
  void add_inspection();
  /// To others that come with this node's name.
  void answer_namesakes();
  /// Warns of nodes that have this one's name. Once it serves, on loop 0.
  void look_for_namesakes();
  /// Why the node isn't ready; any thread.
  [[nodiscard]] std::vector<transport::obstacle> obstacles() const;
  /// What isn't well although the node is ready; any thread.
  [[nodiscard]] std::vector<transport::obstacle> remarks() const;
  /// What is asked for at a scrape; any thread.
  [[nodiscard]] std::vector<runtime::metrics::sample> samples() const;
  /// What the public port goes by, with the certificate as its files say now. Where they can't be used: the one
  /// before, and an error in the log.
  transport::front::rules_ptr make_front(const config::listen_section& from);
  [[nodiscard]] std::size_t max_clients() const;
};

} // namespace plexus::node
