#pragma once
// The page at `/admin/`: only files. All it shows comes over the WebSocket beside it, which asks who one is.

#include "config/settings.hpp"
#include "transport/http/message.hpp"

#include <functional>
#include <memory>

namespace plexus::transport {

/// 404 while `admin.secret` is empty.
class admin_page_handler final : public http::handler {
public:
  explicit admin_page_handler(std::function<std::shared_ptr<const config::settings>()> settings) :
      settings_(std::move(settings)) {}
  void handle(const http::request& what, http::respond done) override;

private:
  std::function<std::shared_ptr<const config::settings>()> settings_;
};

} // namespace plexus::transport
