// Of desk: what may be done. Who asked and why is written down by who carries it here (office.cpp).

#include "actors/admin/desk.hpp"
#include "actors/admin/walk.hpp"
#include "actors/connection/messages.hpp"
#include "actors/runtime/log.hpp"
#include "transport/api/channel_commands.hpp"

#include <nlohmann/json.hpp>

#include <caf/send.hpp>

namespace plexus::admin {

using protocol::error_code;

namespace {

constexpr std::size_t max_close_reason = 123; // what a close frame has room for
constexpr std::size_t max_data = 60'000;

std::chrono::milliseconds unix_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

/// Calls `done` on the loop that this is made on, wherever the answer comes.
template <class T>
std::function<void(T)> come_back(std::function<void(T)> done) {
  auto& home = *runtime::loop::current();
  return [&home, done = std::move(done)](T what) {
    auto kept = std::make_shared<T>(std::move(what));
    home.post([done, kept] { done(std::move(*kept)); });
  };
}

} // namespace

void desk::tell_clients(std::string user, std::string client, std::function<void(connection::client&)> what,
                        answered done) {
  if (user.empty() == client.empty())
    throw refusal{error_code::bad_request, "expected either \"client\" or \"user\""};
  /// A user's connections are found by the name, one by its id only by looking.
  struct teller final : walker {
    teller(const environment& env, runtime::loop& on, std::string u, std::string c,
           std::function<void(connection::client&)> w) :
        list(env.clients.on(on)), user(std::move(u)), client(std::move(c)), what(std::move(w)) {}
    bool step() override {
      if (!user.empty()) {
        list.each_of(user, [this](connection::client& c) { tell(c); });
        return false;
      }
      if (place == SIZE_MAX) place = list.clients();
      place = std::min(place, list.clients());
      for (std::size_t n = 0; n < 64 && place > 0 && told == 0; ++n)
        if (auto& c = list.at(--place); c.id() == client) tell(c);
      return place > 0 && told == 0;
    }
    void tell(connection::client& c) {
      what(c);
      ++told;
    }
    connection::client_list& list;
    std::string user, client;
    std::function<void(connection::client&)> what;
    std::size_t place = SIZE_MAX, told = 0;
  };
  std::vector<std::shared_ptr<teller>> own;
  std::vector<std::shared_ptr<walker>> all;
  for (unsigned i = 0; i < env_.loops.size(); ++i) {
    own.push_back(std::make_shared<teller>(env_, env_.loops.at(i), user, client, what));
    all.push_back(own.back());
  }
  walk(env_, std::move(all), [own, done = std::move(done)] {
    std::size_t told = 0;
    for (auto& t : own) told += t->told;
    done(result_of({{"connections", told}}));
  });
}

void desk::disconnect(params& p, answered done) {
  auto user = p.text("user"), client = p.text("client", {}, 64);
  const auto code = static_cast<std::uint16_t>(p.number("code", 3503, 3000, 4999));
  auto text =
      p.text("say", std::string(protocol::reason(static_cast<protocol::disconnect_code>(code))), max_close_reason);
  p.done();
  tell_clients(
      std::move(user), std::move(client),
      [code, text](connection::client& c) {
        caf::anon_send(c.self(), connection::kick{code, text});
      },
      std::move(done));
}

void desk::unsubscribe(params& p, answered done) {
  auto user = p.text("user"), client = p.text("client", {}, 64);
  auto channel = p.needed("channel");
  p.done();
  tell_clients(
      std::move(user), std::move(client),
      [channel](connection::client& c) { caf::anon_send(c.self(), connection::server_unsubscribe{channel}); },
      std::move(done));
}

void desk::publish(params& p, answered done) {
  const auto channel = p.needed("channel");
  if (!p.has("data")) throw refusal{error_code::bad_request, "\"data\": expected any JSON value"};
  channel::publish m;
  m.what.data = to_text(p.any("data"));
  m.what.skip_history = p.flag("skip_history");
  p.done();
  const auto settings = env_.node.settings();
  if (m.what.data.size() > max_data) throw refusal{error_code::bad_request, "\"data\" is larger than 60000 bytes"};
  if (auto fault = transport::api::check_channel(*settings, channel))
    throw refusal{*fault, std::string(protocol::entry(*fault).name)};
  m.accepted = channel::steady_clock::now();
  std::function<void(json)> tell = come_back<json>(std::move(done));
  m.done = [tell](channel::outcome<plexus::backplane::appended> what) {
    if (!what)
      tell(error_of(what.error()));
    else if (what->at.epoch.empty())
      tell(result_of(json::object()));
    else
      tell(result_of({{"offset", what->at.offset}, {"epoch", what->at.epoch}}));
  };
  env_.channels.tell(channel, std::move(m));
}

namespace {

/// The notice's answer comes on one loop; the news of it was handed to all loops before.
plexus::backplane::answer<plexus::backplane::nothing> noticed(answered done) {
  auto tell = come_back<json>(std::move(done));
  return [tell](plexus::backplane::outcome<plexus::backplane::nothing> what) {
    tell(what ? result_of(json::object()) : error_of(what.error()));
  };
}

} // namespace

void desk::block_user(params& p, answered done) {
  const auto user = p.needed("user");
  using std::chrono::hours;
  const auto span = p.duration("for", std::chrono::milliseconds(0), std::chrono::seconds(1), hours(24 * 3650));
  p.done();
  const auto until = span.count() > 0 ? unix_now() + span : std::chrono::milliseconds(last_time * 1000);
  env_.loops.of({}).post([this, until, key = connection::denial_key(connection::denial_kind::block, user),
                          told = noticed(std::move(done))] {
    env_.plane.put_notice({key, 0, until}, told);
  });
}

void desk::unblock_user(params& p, answered done) {
  const auto user = p.needed("user");
  p.done();
  env_.loops.of({}).post([this, key = connection::denial_key(connection::denial_kind::block, user),
                          told = noticed(std::move(done))] { env_.plane.drop_notice(key, told); });
}

void desk::log_level(params& p, answered done) {
  const std::vector<std::string_view> names{"trace", "debug", "info", "warn", "error"};
  const auto level = p.one_of("level", "", names);
  p.done();
  const auto which = std::find(names.begin(), names.end(), level) - names.begin();
  auto how = env_.node.settings()->log;
  how.level = static_cast<config::log_level>(which);
  runtime::log::configure(how);
  done(result_of({{"level", level}}));
}

void desk::reload(params& p, answered done) {
  p.done();
  env_.node.reload([done = std::move(done)](host::reloaded what) {
    if (!what.fault.empty())
      done(error_of(error_code::bad_request, what.fault));
    else
      done(result_of({{"applied", what.applied}, {"needs_restart", what.needs_restart}}));
  });
}

void desk::drain(params& p, answered done) {
  p.done();
  env_.node.drain(true, [done = std::move(done)](const std::string& fault) {
    done(fault.empty() ? result_of(json::object()) : error_of(error_code::not_available, fault));
  });
}

void desk::move(params& p, answered done) {
  const auto channel = p.needed("channel"), to = p.needed("to");
  p.done();
  auto tell = [channel, done = std::move(done)](const std::string& fault) {
    done(fault.empty() ? result_of({{"channel", channel}}) : error_of(error_code::not_available, fault));
  };
  if (env_.actors)
    env_.actors->move(channel, to, tell);
  else
    tell("no channel has an actor");
}

void desk::undrain(params& p, answered done) {
  p.done();
  env_.node.drain(false, [done = std::move(done)](const std::string& fault) {
    done(fault.empty() ? result_of(json::object()) : error_of(error_code::not_available, fault));
  });
}

} // namespace plexus::admin
