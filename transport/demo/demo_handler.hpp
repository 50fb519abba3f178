#pragma once
// The demo page: its files and the client library, all inside the program, and a token for whoever asks.

#include "config/settings.hpp"
#include "transport/http/message.hpp"

#include <functional>
#include <memory>

namespace plexus::transport {

/// `/`, `/demo/...` while `demo` is true; 404 otherwise. `/demo/token?user=NAME` hands out tokens for the asking,
/// which is what a demo needs and why `demo` is false by default.
class demo_handler final : public http::handler {
public:
  explicit demo_handler(std::function<std::shared_ptr<const config::settings>()> settings) :
      settings_(std::move(settings)) {}
  void handle(const http::request& what, http::respond done) override;

private:
  std::function<std::shared_ptr<const config::settings>()> settings_;
};

} // namespace plexus::transport
