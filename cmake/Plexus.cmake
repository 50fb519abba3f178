# What every target of ours is built with.
add_library(plexus_flags INTERFACE)
target_compile_features(plexus_flags INTERFACE cxx_std_20)
target_include_directories(plexus_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(plexus_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                       -Werror -fno-strict-aliasing)
target_compile_definitions(plexus_flags INTERFACE BOOST_ASIO_NO_DEPRECATED)
if(PLEXUS_DEBUG_SYMBOLS)
  target_compile_options(plexus_flags INTERFACE -g1)
endif()
if(PLEXUS_FUZZ)
  target_compile_options(plexus_flags INTERFACE -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all
                         -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=vptr,object-size,null)
  target_link_options(plexus_flags INTERFACE -fsanitize=address,undefined)
elseif(PLEXUS_SANITIZE STREQUAL "thread")
  # g++ 12 warns about fences it can't model; CAF and Boost have some.
  target_compile_options(plexus_flags INTERFACE -O0 -g1 -fsanitize=thread -Wno-error=tsan)
  target_link_options(plexus_flags INTERFACE -fsanitize=thread)
elseif(PLEXUS_SANITIZE)
  # vptr, object-size and null triple the compile time of template code and find what ASan finds too.
  target_compile_options(plexus_flags INTERFACE -O0 -g1 -fsanitize=${PLEXUS_SANITIZE}
                         -fno-sanitize=vptr,object-size,null -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(plexus_flags INTERFACE -fsanitize=${PLEXUS_SANITIZE})
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # A precompiled header carries the time it was made at; ccache may overlook that.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()

# One precompiled header for all that sees CAF: made once, for flags that are the same everywhere.
file(WRITE ${PROJECT_BINARY_DIR}/pch.cpp "")
add_library(plexus_pch STATIC ${PROJECT_BINARY_DIR}/pch.cpp)
target_link_libraries(plexus_pch PUBLIC plexus_flags CAF::core Threads::Threads)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(plexus_pch PUBLIC -fpch-preprocess)
endif()
target_precompile_headers(plexus_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.hpp)

# plexus_library(NAME [CAF] SOURCES ... LINK ... PRIVATE ...): one module. CAF: it uses the precompiled header.
function(plexus_library name)
  cmake_parse_arguments(ARG "CAF" "" "SOURCES;LINK;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC plexus_flags ${ARG_LINK} PRIVATE ${ARG_PRIVATE})
  # The sanitizer presets join the files of the modules with heavy headers; the light ones gain nothing by it.
  if(NOT ARG_CAF)
    set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  endif()
  if(ARG_CAF)
    target_link_libraries(${name} PUBLIC plexus_pch)
    target_precompile_headers(${name} REUSE_FROM plexus_pch)
  endif()
endfunction()
