#pragma once
// From a channel's name to its actor: each loop has a table of the channels that live on it; a message finds or
// makes the actor there. Channels that nobody uses end after `linger` and leave nothing behind.

#include "actors/channel/messages.hpp"
#include "actors/runtime/runtime.hpp"
#include "config/settings.hpp"

#include <caf/actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace plexus::extension {
class host;
}

namespace plexus::channel {

class channel_actor;

/// Finds strings by views without making one.
struct name_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
};

/// The channels of one loop; touched by its thread only.
class channel_table {
public:
  /// How long an unused channel stays: a page that reloads finds it again.
  static constexpr std::chrono::milliseconds linger{1000};

  struct entry {
    caf::actor actor;
    channel_actor* object = nullptr;
    std::uint32_t in_mailbox = 0; ///< messages not handled yet; only at 0 may the channel end
  };

  channel_table(runtime::runtime& runtime, runtime::loop& home, backplane::backplane& plane,
                std::shared_ptr<const config::settings> settings);
  /// Actors that end with it want to erase themselves, and find it empty.
  ~channel_table() { const auto all = std::exchange(channels_, {}); }
  channel_table(const channel_table&) = delete;
  channel_table& operator=(const channel_table&) = delete;

  /// Finds or makes the channel's actor. Null where the namespace isn't configured (any more).
  entry* get(std::string_view name);
  entry* find(std::string_view name);
  void erase(const std::string& name) { channels_.erase(name); }
  [[nodiscard]] const auto& all() const noexcept { return channels_; }

  runtime::runtime& node_runtime;
  runtime::loop& home;
  backplane::backplane& plane;
  std::shared_ptr<const config::settings> settings;
  /// The loops' transport actors, by loop; set before the start.
  std::vector<caf::actor> transports;
  extension::host* actors = nullptr; ///< set before the start; null: no channel has an actor

private:
  std::unordered_map<std::string, entry, name_hash, std::equal_to<>> channels_;
};

/// One a node; any loop may call.
class channel_router {
public:
  channel_router(runtime::runtime& loops, backplane::backplane& plane,
                 std::shared_ptr<const config::settings> settings);

  /// Before the loops start: where publications go.
  void connect_transports(const std::vector<caf::actor>& transports);

  /// Before the loops start: who has the channels' actors.
  void connect_actors(extension::host& actors);

  /// Sends `message` to the channel's actor; in order for one sender and channel. The caller has checked that the
  /// channel's namespace is configured; `refused` runs where that changed meanwhile.
  template <class Message>
  void tell(std::string_view channel, Message message) {
    auto& home = loops_.of(channel);
    if (home.here())
      deliver(table(home), channel, std::move(message));
    else
      home.post([this, name = std::string(channel), &home, message = std::move(message)]() mutable {
        deliver(table(home), name, std::move(message));
      });
  }

  /// As `tell`, but only when the channel's actor exists.
  template <class Message>
  void tell_existing(std::string_view channel, Message message) {
    auto& home = loops_.of(channel);
    auto send = [this, &home](std::string_view name, Message m) {
      if (auto* e = table(home).find(name)) {
        ++e->in_mailbox;
        caf::anon_send(e->actor, std::move(m));
      }
    };
    if (home.here())
      send(channel, std::move(message));
    else
      home.post([send, name = std::string(channel), message = std::move(message)]() mutable {
        send(name, std::move(message));
      });
  }

  /// The channel's actor on this loop, null when there is none. On the channel's loop.
  [[nodiscard]] channel_actor* here(std::string_view channel) {
    auto* found = table(loops_.of(channel)).find(channel);
    return found ? found->object : nullptr;
  }

  [[nodiscard]] channel_table& table(const runtime::loop& home) noexcept { return *tables_[home.index()]; }
  /// On each loop: new settings for the channels there.
  void apply(const std::shared_ptr<const config::settings>& settings);

private:
  template <class Message>
  void deliver(channel_table& on, std::string_view name, Message message) {
    if (auto* e = on.get(name)) {
      ++e->in_mailbox;
      caf::anon_send(e->actor, std::move(message));
    } else if constexpr (requires { message.done(protocol::error_code::unknown_channel); }) {
      message.done(protocol::error_code::unknown_channel);
    }
  }

  runtime::runtime& loops_;
  std::vector<std::unique_ptr<channel_table>> tables_;
};

} // namespace plexus::channel
