#include "transport/admin/page_handler.hpp"

#include "transport/admin/assets.hpp"

namespace plexus::transport {

namespace {
constexpr std::string_view admin_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'";
} // namespace

void admin_page_handler::handle(const http::request& what, http::respond done) {
  if (settings_()->admin_secret.empty()) {
    done(http::sentence(404, "There is nothing at this path."));
    return;
  }
  if (what.method != "GET" && what.method != "HEAD") {
    done(http::sentence(405, "The page is read with GET."));
    return;
  }
  for (auto& asset : admin_assets()) {
    if (asset.path != what.path) continue;
    auto answer = answer_with(asset, what, admin_policy);
    answer.headers.emplace_back("Referrer-Policy", "no-referrer");
    done(answer);
    return;
  }
  done(http::sentence(404, "There is nothing at this path."));
}

} // namespace plexus::transport
