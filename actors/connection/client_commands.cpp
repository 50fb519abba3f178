#include "actors/connection/client_internal.hpp"

#include "actors/protocol/json.hpp"
#include "actors/protocol/json_reader.hpp"
#include "actors/runtime/trace.hpp"

namespace plexus::connection {

using protocol::disconnect_code;
using protocol::error_code;

const config::channel_options* client::options_for(std::uint32_t id, std::string_view channel) {
  auto fault = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  auto longest = env_.settings->client.max_channel_length;
  if ((longest > 0 && channel.size() > longest) || std::any_of(channel.begin(), channel.end(), fault)) {
    refuse(id, error_code::bad_request);
    return nullptr;
  }
  auto* options = env_.settings->options_of(channel);
  if (!options) refuse(id, error_code::unknown_channel);
  return options;
}

bool client::may(action what, std::string_view channel, const config::channel_options& options) {
  subject who{insecure_, token_ != nullptr, token_ ? token_->can() : nullptr, false};
  auto* s = find(channel);
  who.subscribed = s && s->open;
  if (allowed(who, what, channel, options)) return true;
  if (s && s->token && s->token->can()) {
    who.can = s->token->can();
    if (allowed(who, what, channel, options)) return true;
  }
  if (runtime::trace::on()) trace_not_allowed(what, channel, options);
  return false;
}

const std::shared_ptr<const protocol::client_info>& client::info() {
  if (!info_)
    info_ = std::make_shared<const protocol::client_info>(protocol::client_info{user_, id_, conn_info_, {}});
  return info_;
}

void client::on(std::uint32_t id, const protocol::publish_command& c, moment now) {
  auto* options = options_for(id, c.channel);
  if (!options) return;
  if (c.data.empty()) {
    refuse(id, error_code::bad_request);
    return;
  }
  if (!may(action::publish, c.channel, *options)) {
    refuse(id, error_code::permission_denied);
    return;
  }
  channel::publish m;
  m.what.data = std::string(c.data);
  m.what.binary = c.binary;
  if (env_.hooks && !publish_hook(id, c, m.what.data)) return;
  m.what.info = info();
  m.accepted = now.steady;
  auto to = promise(id);
  if (!options->actor.empty())
    m.refused = [to](std::uint16_t code, const std::string& why) {
      to->refuse(static_cast<error_code>(code), why);
    };
  m.done = answer<backplane::appended>(std::move(to), [](auto&) { return protocol::publish_reply{}; });
  env_.channels.tell(c.channel, std::move(m));
}

void client::on(std::uint32_t id, const protocol::presence_command& c, moment) {
  auto* options = options_for(id, c.channel);
  if (!options) return;
  if (!options->presence) {
    refuse(id, error_code::not_available);
    return;
  }
  if (!may(action::presence, c.channel, *options)) {
    refuse(id, error_code::permission_denied);
    return;
  }
  env_.channels.tell(
      c.channel, channel::read_presence{
                     answer<const presence::member_set*>(promise_large(id), [](const presence::member_set* now) {
                       return protocol::presence_reply{{now->members().begin(), now->members().end()}};
                     })});
}

void client::on(std::uint32_t id, const protocol::presence_stats_command& c, moment) {
  auto* options = options_for(id, c.channel);
  if (!options) return;
  if (!options->presence) {
    refuse(id, error_code::not_available);
    return;
  }
  if (!may(action::presence, c.channel, *options)) {
    refuse(id, error_code::permission_denied);
    return;
  }
  env_.channels.tell(c.channel, channel::read_presence{answer<const presence::member_set*>(
                                    promise(id), [](const presence::member_set* now) {
                                      return protocol::presence_stats_reply{now->clients(), now->users()};
                                    })});
}

void client::on(std::uint32_t id, const protocol::history_command& c, moment) {
  auto* options = options_for(id, c.channel);
  if (!options) return;
  if (!options->has_history()) {
    refuse(id, error_code::not_available);
    return;
  }
  if (!may(action::history, c.channel, *options)) {
    refuse(id, error_code::permission_denied);
    return;
  }
  channel::read_history m;
  auto max = env_.settings->client.max_history_page;
  if (max == 0) max = SIZE_MAX;
  m.what.limit = c.limit < 0 ? max : std::min(static_cast<std::size_t>(c.limit), max);
  m.what.reverse = c.reverse;
  if (c.since) m.what.since = protocol::position{std::string(c.since->epoch), c.since->offset};
  m.done = [to = promise_large(id), room = room()](backplane::outcome<backplane::log_page> page) {
    if (!page) return to->refuse(page.error());
    channel::reply_room::share owed;
    // A page may end early; one without anything would look like the end of the log.
    if (!room->claim_page(page->publications, owed)) return to->refuse(error_code::too_many_requests);
    to->tell(protocol::history_reply{std::move(page->publications), std::move(page->top)}, std::move(owed));
  };
  env_.channels.tell(c.channel, std::move(m));
}

void client::on(std::uint32_t id, const protocol::rpc_command& c, moment now) {
  if (c.method == "plexus.presence.update") {
    if (c.binary)
      refuse(id, error_code::bad_request);
    else
      update_presence(id, c.data);
    return;
  }
  if (env_.hooks && rpc_hook(id, c)) return;
  call_actor(id, c, now);
}

void client::update_presence(std::uint32_t id, std::string_view data) {
  // Read in place: the state goes to the others as it was written.
  std::string_view channel, given;
  bool named = false;
  protocol::json::reader read(data);
  const bool good = read.object([&](std::string_view field) {
    if (field == "channel") {
      named = !read.take_null();
      return !named || read.string(channel);
    }
    return field == "state" ? read.raw(given) : read.skip();
  });
  if (!good || !read.finish() || !named || given.empty()) {
    refuse(id, error_code::bad_request);
    return;
  }
  auto* options = options_for(id, channel);
  if (!options) return;
  if (!options->presence) {
    refuse(id, error_code::not_available);
    return;
  }
  auto* s = find(channel);
  if (!s || !s->open) {
    refuse(id, error_code::permission_denied);
    return;
  }
  std::string state;
  protocol::json::append_one_line(state, given);
  if (options->max_state_size > 0 && state.size() > options->max_state_size) {
    refuse(id, error_code::limit_exceeded);
    return;
  }
  env_.channels.tell(
      channel, channel::update_presence{id_, std::move(state), answer<backplane::nothing>(promise(id), [](auto&) {
                                          return protocol::rpc_reply{"{}"};
                                        })});
}

void client::on(std::uint32_t, const protocol::send_command&, moment) {
  close(disconnect_code::not_available);
}

} // namespace plexus::connection
