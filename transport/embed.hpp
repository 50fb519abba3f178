#pragma once
// Files taken into the program as they are, by the assembler: no generated source, nothing for the compiler to chew
// on. The file's own CMakeLists names it as a dependency.

#include <string_view>

#define PLEXUS_EMBED(symbol, file)                                                                                 \
  asm(".section .rodata\n"                                                                                         \
      "plexus_" #symbol "_begin: .incbin \"" file "\"\n"                                                           \
      "plexus_" #symbol "_end: .byte 0\n"                                                                          \
      ".previous\n");                                                                                              \
  extern "C" const char plexus_##symbol##_begin[], plexus_##symbol##_end[]

#define PLEXUS_BYTES(symbol)                                                                                       \
  std::string_view(plexus_##symbol##_begin,                                                                        \
                   static_cast<std::size_t>(plexus_##symbol##_end - plexus_##symbol##_begin))
