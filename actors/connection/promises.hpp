#pragma once
// What a client is owed while a channel, or whoever else, works on its command. Should all who hold a promise go
// without a word, because an actor failed with the command in its hands or its mailbox, the reply is error 100: no
// client waits forever, and no subscription stays half open.

#include "actors/channel/delivery.hpp"
#include "actors/channel/messages.hpp"
#include "actors/protocol/codec.hpp"

#include <caf/actor.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace plexus::connection {

/// Of one reply; kept once, on any loop. The reply goes behind what the channel emitted.
class reply_promise {
public:
  /// `room`: for replies that may be large; null: this one is small.
  reply_promise(caf::actor transport, channel::session_id session, const protocol::codec& codec, std::uint32_t id,
                std::shared_ptr<channel::reply_room> room) noexcept :
      transport_(std::move(transport)), codec_(codec), room_(std::move(room)), session_(session), id_(id) {}
  ~reply_promise();
  reply_promise(const reply_promise&) = delete;
  reply_promise& operator=(const reply_promise&) = delete;

  /// `owed`: what the reply has claimed already.
  void tell(const protocol::reply& what, channel::reply_room::share owed = {});
  void refuse(protocol::error_code code, const std::string& message = {});

private:
  void send(std::string bytes, channel::reply_room::share owed);

  caf::actor transport_;
  const protocol::codec& codec_;
  std::shared_ptr<channel::reply_room> room_;
  channel::session_id session_;
  std::uint32_t id_;
  bool told_ = false;
};

/// Of the answer to a subscription: its reply or push for the client, and a `sub_result` for its connection.
class subscribe_promise {
public:
  struct terms {
    caf::actor transport, self;
    const protocol::codec& codec;
    channel::session_id session;
    std::uint32_t id = 0; ///< of the command; 0: server-side
    std::uint32_t ticket = 0;
    std::uint32_t ttl = 0; ///< seconds; 0: doesn't expire
    bool in_connect = false;
    std::string channel, data;
  };
  explicit subscribe_promise(terms what) : about_(std::move(what)) {}
  ~subscribe_promise();
  subscribe_promise(const subscribe_promise&) = delete;
  subscribe_promise& operator=(const subscribe_promise&) = delete;

  /// On the channel's loop. The reply and the entry into the fan-out table travel as one message, ahead of whatever
  /// the channel emits next.
  void open(channel::subscribed how);
  void refuse(protocol::error_code code, const std::string& message = {});

private:
  void answer_error(protocol::error_code code, const std::string& message);

  terms about_;
  bool told_ = false;
};

} // namespace plexus::connection
