#include "transport/demo/assets.hpp"

#include "transport/embed.hpp"

#include <array>

// CMake defines where the files lie and lists them as dependencies of this one.

// The page's modules; index.html names them for the browser, a test counts that none is missing.
#define PLEXUS_MODULES(each)                                                                                       \
  each(cable) each(chat) each(connection) each(cursors) each(demo) each(dom) each(frames) each(members) each(plug) \
      each(recovery) each(wire) each(you)

PLEXUS_EMBED(index, PLEXUS_DEMO_DIR "/index.html");
PLEXUS_EMBED(style, PLEXUS_DEMO_DIR "/demo.css");
PLEXUS_EMBED(centrifuge, PLEXUS_CENTRIFUGE_JS);
#define PLEXUS_EMBED_MODULE(name) PLEXUS_EMBED(module_##name, PLEXUS_DEMO_DIR "/" #name ".js");
PLEXUS_MODULES(PLEXUS_EMBED_MODULE)

namespace plexus::transport {

std::span<const asset> demo_assets() {
#define PLEXUS_MODULE_ASSET(name) describe_asset("/demo/" #name ".js", script, PLEXUS_BYTES(module_##name)),
  static constexpr std::string_view script = "text/javascript; charset=utf-8";
  static const std::array all{
      describe_asset("/", "text/html; charset=utf-8", PLEXUS_BYTES(index)),
      describe_asset("/demo/demo.css", "text/css; charset=utf-8", PLEXUS_BYTES(style)),
      PLEXUS_MODULES(PLEXUS_MODULE_ASSET) describe_asset("/demo/centrifuge.js", script, PLEXUS_BYTES(centrifuge)),
  };
  return all;
}

} // namespace plexus::transport
