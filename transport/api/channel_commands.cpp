#include "transport/api/channel_commands.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace plexus::transport::api {

using protocol::api_answer;
using protocol::api_error;
using protocol::api_result;
using protocol::error_code;

namespace {

api_answer refuse(error_code code) {
  return api_error{code, {}};
}

/// The options of a channel that has what `wanted` says; else the command has been refused.
template <class Wanted>
bool check(const caller& from, const std::string& channel, const pending_ptr& to, Wanted wanted) {
  auto fault = check_channel(*from.settings, channel);
  if (!fault && !wanted(*from.settings->options_of(channel))) fault = error_code::not_available;
  if (fault) to->tell(refuse(*fault));
  return !fault;
}

bool any(const config::channel_options&) noexcept {
  return true;
}
bool with_history(const config::channel_options& options) noexcept {
  return options.has_history();
}
bool with_presence(const config::channel_options& options) noexcept {
  return options.presence;
}

/// Keeps the promise with what `make` makes of a channel's answer.
template <class T, class Make>
std::function<void(backplane::outcome<T>)> answer(pending_ptr to, Make make) {
  return [to = std::move(to), make](backplane::outcome<T> what) {
    to->tell(what ? api_answer(api_result(make(*what))) : refuse(what.error()));
  };
}

} // namespace

std::optional<error_code> check_channel(const config::settings& settings, std::string_view channel) {
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (channel.empty() ||
      (settings.client.max_channel_length > 0 && channel.size() > settings.client.max_channel_length) ||
      std::any_of(channel.begin(), channel.end(), control))
    return error_code::bad_request;
  if (settings.options_of(channel) == nullptr) return error_code::unknown_channel;
  return std::nullopt;
}

void channel_commands::publish(const caller& from, const std::string& channel, protocol::api_publication what,
                               pending_ptr to) {
  if (!check(from, channel, to, any)) return;
  channel::publish m;
  m.what.data = std::move(what.data);
  m.what.binary = what.binary;
  m.what.tags = std::move(what.tags);
  m.what.idempotency_key = std::move(what.idempotency_key);
  m.what.idempotency_ttl = from.settings->backplane.idempotency_ttl;
  m.what.skip_history = what.skip_history;
  m.accepted = channel::steady_clock::now();
  m.done = answer<backplane::appended>(std::move(to),
                                       [](auto& done) { return protocol::publish_result{std::move(done.at)}; });
  channels_.tell(channel, std::move(m));
}

void channel_commands::run(const caller& from, protocol::publish_request what, pending_ptr to) {
  publish(from, what.channel, std::move(what.what), std::move(to));
}

void channel_commands::run(const caller& from, protocol::broadcast_request what, pending_ptr to) {
  const auto start = [&](std::size_t index, answered done) {
    publish(from, what.channels[index], what.what, std::make_shared<pending>(from, std::move(done)));
  };
  collect(what.channels.size(), start, [to = std::move(to)](std::vector<api_answer> answers) {
    protocol::broadcast_result all;
    all.responses.reserve(answers.size());
    for (auto& each : answers) {
      if (const auto* error = std::get_if<api_error>(&each))
        all.responses.emplace_back(error->code);
      else
        all.responses.emplace_back(std::get<protocol::publish_result>(std::get<api_result>(std::move(each))));
    }
    to->tell(api_result(std::move(all)));
  });
}

void channel_commands::read_presence(const caller& from, const std::string& channel, const pending_ptr& to,
                                     api_result (*result)(const presence::member_set&)) {
  if (!check(from, channel, to, with_presence)) return;
  channels_.tell(channel, channel::read_presence{answer<const presence::member_set*>(
                              to, [result](const presence::member_set* now) { return result(*now); })});
}

void channel_commands::run(const caller& from, protocol::presence_request what, pending_ptr to) {
  read_presence(from, what.channel, to, [](const presence::member_set& set) -> api_result {
    return protocol::presence_reply{{set.members().begin(), set.members().end()}};
  });
}

void channel_commands::run(const caller& from, protocol::presence_stats_request what, pending_ptr to) {
  read_presence(from, what.channel, to, [](const presence::member_set& set) -> api_result {
    return protocol::presence_stats_reply{set.clients(), set.users()};
  });
}

void channel_commands::run(const caller& from, protocol::history_request what, pending_ptr to) {
  if (!check(from, what.channel, to, with_history)) return;
  auto max = from.settings->client.max_history_page;
  if (max == 0) max = std::numeric_limits<std::size_t>::max();
  channel::read_history m;
  m.what.limit = what.limit < 0 ? max : std::min(static_cast<std::size_t>(what.limit), max);
  m.what.since = std::move(what.since);
  m.what.reverse = what.reverse;
  m.done = answer<backplane::log_page>(std::move(to), [](auto& page) {
    return protocol::history_reply{std::move(page.publications), std::move(page.top)};
  });
  channels_.tell(what.channel, std::move(m));
}

void channel_commands::run(const caller& from, protocol::history_remove_request what, pending_ptr to) {
  if (!check(from, what.channel, to, with_history)) return;
  channels_.tell(what.channel, channel::remove_history{answer<backplane::nothing>(
                                   std::move(to), [](auto&) { return protocol::empty_result{}; })});
}

} // namespace plexus::transport::api
