#pragma once
// What this node answers for itself, whoever asks: an admin client of its own, or another node for one of its.

#include "actors/admin/fwd.hpp"
#include "actors/admin/host.hpp"
#include "actors/admin/params.hpp"
#include "actors/admin/recorder.hpp"
#include "actors/admin/trace_board.hpp"
#include "actors/admin/workroom.hpp"

#include <string_view>

namespace plexus::admin {

/// Unix seconds, the end of the year 9999: until then is for ever.
inline constexpr std::int64_t last_time = 253'402'300'799;

/// Made before the loops start; then called on any loop, and `done` on the same one.
class desk {
public:
  /// `elsewhere`: where what was looked up on the loops becomes an answer.
  explicit desk(const environment& env, workroom elsewhere = workroom());

  /// Unknown methods and bad parameters are answered with an error.
  void run(std::string_view method, const json& with, answered done);

  /// On loop 0, once a second: traces that nobody asks for any more end, also where only other nodes look in.
  /// `record`: figures for the last hour are kept.
  void tick(runtime::loop::clock::time_point now, bool record);

private:
  // desk_node.cpp
  void node(params& p, answered done);
  void past(params& p, answered done);
  void logs(params& p, answered done);
  // desk_connections.cpp
  void connections(params& p, answered done);
  void connection(params& p, answered done);
  void add_positions(std::shared_ptr<json> to, answered done);
  // desk_blocked.cpp
  void blocked(params& p, answered done);
  // desk_channels.cpp
  void channels(params& p, answered done);
  void channels_named(const json& names, answered done);
  void channel_here(params& p, answered done);
  void channel_log(params& p, answered done);
  void add_members(const std::string& channel, std::shared_ptr<json> to, runtime::task done);
  // desk_actors.cpp
  void actors(params& p, answered done);
  void actor(params& p, answered done);
  void backplane(params& p, answered done);
  // desk_trace.cpp
  void trace(params& p, answered done);
  // desk_actions.cpp
  void disconnect(params& p, answered done);
  void unsubscribe(params& p, answered done);
  void publish(params& p, answered done);
  void block_user(params& p, answered done);
  void unblock_user(params& p, answered done);
  void log_level(params& p, answered done);
  void reload(params& p, answered done);
  void drain(params& p, answered done);
  void undrain(params& p, answered done);
  void move(params& p, answered done);
  /// Tells every connection that is meant, and answers how many there were.
  void tell_clients(std::string user, std::string client, std::function<void(connection::client&)> what,
                    answered done);

  environment env_;
  workroom elsewhere_;
  recorder recorder_;
  trace_board traces_;
};

} // namespace plexus::admin
