#include "transport/demo/assets.hpp"

#include "transport/embed.hpp"

#include <array>
#include <cstdint>

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

namespace {

asset describe(std::string_view path, std::string_view content_type, std::string_view bytes) {
  // FNV-1a: a change of the file has to change the tag, nobody has to be kept from making two files with one tag.
  std::uint64_t hash = 14695981039346656037ULL;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::string tag = "\"";
  for (int shift = 60; shift >= 0; shift -= 4) tag += "0123456789abcdef"[(hash >> shift) & 15];
  return {path, content_type, bytes, tag + '"'};
}

} // namespace

std::span<const asset> demo_assets() {
#define PLEXUS_MODULE_ASSET(name) describe("/demo/" #name ".js", script, PLEXUS_BYTES(module_##name)),
  static constexpr std::string_view script = "text/javascript; charset=utf-8";
  static const std::array all{
      describe("/", "text/html; charset=utf-8", PLEXUS_BYTES(index)),
      describe("/demo/demo.css", "text/css; charset=utf-8", PLEXUS_BYTES(style)),
      PLEXUS_MODULES(PLEXUS_MODULE_ASSET) describe("/demo/centrifuge.js", script, PLEXUS_BYTES(centrifuge)),
  };
  return all;
}

} // namespace plexus::transport
