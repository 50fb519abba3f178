#pragma once
// POST /emulation `{"session","node","data"}`, or the same in Protobuf: what a client on a stream sends.

#include "config/settings.hpp"
#include "transport/http/message.hpp"
#include "transport/stream/gateway.hpp"

#include <functional>
#include <memory>

namespace plexus::transport {

/// Answers 204 as soon as the message is handed over, also for a session that is gone: its stream has the reason,
/// and a client that took another status for an answer would not wait for it. 404 for a node that is gone makes
/// the client connect again.
class emulation_handler final : public http::handler {
public:
  emulation_handler(session_gateway& to, std::function<std::shared_ptr<const config::settings>()> settings) :
      to_(to), settings_(std::move(settings)) {}
  void handle(const http::request& what, http::respond done) override;

private:
  session_gateway& to_;
  std::function<std::shared_ptr<const config::settings>()> settings_;
};

} // namespace plexus::transport
