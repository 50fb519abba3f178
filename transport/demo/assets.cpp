#include "transport/demo/assets.hpp"

#include <array>

// The assembler takes the files in as they are: no generated source, nothing for the compiler to chew on. CMake
// defines where they lie and lists them as dependencies of this file.
#define PLEXUS_EMBED(symbol, file)                                                                                 \
  asm(".section .rodata\n"                                                                                         \
      "plexus_" #symbol "_begin: .incbin \"" file "\"\n"                                                           \
      "plexus_" #symbol "_end: .byte 0\n"                                                                          \
      ".previous\n");                                                                                              \
  extern "C" const char plexus_##symbol##_begin[], plexus_##symbol##_end[]

PLEXUS_EMBED(index, PLEXUS_DEMO_DIR "/index.html");
PLEXUS_EMBED(style, PLEXUS_DEMO_DIR "/demo.css");
PLEXUS_EMBED(script, PLEXUS_DEMO_DIR "/demo.js");
PLEXUS_EMBED(client, PLEXUS_CENTRIFUGE_JS);

namespace plexus::transport {

#define PLEXUS_BYTES(symbol)                                                                                       \
  std::string_view(plexus_##symbol##_begin,                                                                        \
                   static_cast<std::size_t>(plexus_##symbol##_end - plexus_##symbol##_begin))

std::span<const asset> demo_assets() noexcept {
  static const std::array<asset, 4> all{{
      {"/", "text/html; charset=utf-8", PLEXUS_BYTES(index)},
      {"/demo/demo.css", "text/css; charset=utf-8", PLEXUS_BYTES(style)},
      {"/demo/demo.js", "text/javascript; charset=utf-8", PLEXUS_BYTES(script)},
      {"/demo/centrifuge.js", "text/javascript; charset=utf-8", PLEXUS_BYTES(client)},
  }};
  return all;
}

} // namespace plexus::transport
