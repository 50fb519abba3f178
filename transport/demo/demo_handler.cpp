#include "transport/demo/demo_handler.hpp"

#include "actors/connection/token.hpp"
#include "transport/demo/assets.hpp"

#include <nlohmann/json.hpp>

#include <chrono>

namespace plexus::transport {

namespace {

constexpr std::chrono::hours token_lifetime{1};
constexpr std::size_t max_user = 64;

http::response token_for(const config::settings& settings, const std::string& user) {
  if (user.empty() || user.size() > max_user) return http::sentence(400, "?user= wants a name of 1 to 64 bytes.");
  if (settings.client.token.hmac_secrets.empty())
    return http::sentence(404, "There is no client.token.hmac_secret to sign a token with.");
  auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  nlohmann::json body{
      {"token", connection::mint_token(settings.client.token, user, {}, token_lifetime, {}, now.count())}};
  return {200,
          "application/json",
          body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
          {{"Cache-Control", "no-store"}}};
}

constexpr std::string_view demo_policy = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
                                         "frame-ancestors 'none'; base-uri 'none'";

} // namespace

void demo_handler::handle(const http::request& what, http::respond done) {
  auto settings = settings_();
  if (!settings->demo) {
    done(http::sentence(404, "There is nothing at this path."));
    return;
  }
  if (what.method != "GET" && what.method != "HEAD") {
    done(http::sentence(405, "The demo is read with GET."));
    return;
  }
  if (what.path == "/demo/token") {
    done(token_for(*settings, what.parameter("user")));
    return;
  }
  for (auto& asset : demo_assets()) {
    if (asset.path != what.path) continue;
    done(answer_with(asset, what, demo_policy));
    return;
  }
  done(http::sentence(404, "There is nothing at this path."));
}

} // namespace plexus::transport
