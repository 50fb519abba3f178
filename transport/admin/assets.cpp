#include "transport/admin/assets.hpp"

#include "transport/embed.hpp"

#include <array>

// CMake defines where the files lie and lists them as dependencies of this one.

// The page's modules; a test counts that none is missing.
#define PLEXUS_MODULES(each)                                                                                       \
  each(actions) each(actor) each(app) each(blocked) each(charts) each(channels) each(connections) each(dom)        \
      each(logs) each(nodes) each(overview) each(socket) each(table) each(trace)

PLEXUS_EMBED(admin_index, PLEXUS_ADMIN_DIR "/index.html");
PLEXUS_EMBED(admin_style, PLEXUS_ADMIN_DIR "/admin.css");
#define PLEXUS_EMBED_MODULE(name) PLEXUS_EMBED(admin_##name, PLEXUS_ADMIN_DIR "/" #name ".js");
PLEXUS_MODULES(PLEXUS_EMBED_MODULE)

namespace plexus::transport {

std::span<const asset> admin_assets() {
#define PLEXUS_MODULE_ASSET(name) describe_asset("/admin/" #name ".js", script, PLEXUS_BYTES(admin_##name)),
  static constexpr std::string_view script = "text/javascript; charset=utf-8";
  static const std::array all{
      describe_asset("/admin/", "text/html; charset=utf-8", PLEXUS_BYTES(admin_index)),
      PLEXUS_MODULES(PLEXUS_MODULE_ASSET)
          describe_asset("/admin/admin.css", "text/css; charset=utf-8", PLEXUS_BYTES(admin_style)),
  };
  return all;
}

} // namespace plexus::transport
