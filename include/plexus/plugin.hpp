#pragma once
// What makes a shared library a plugin. In one of its files:
//
//   PLEXUS_PLUGIN(plugin) {
//     plugin.actor<auction>("auction");
//     plugin.hooks<my_hooks>();
//   }
//
// Build it as a MODULE library that links `plexus::plugin` (find_package(plexus)), and name it in the
// configuration: "plugins": ["./libauction.so"]. A plugin is built with the same compiler family and for the same
// interface as the node; one that isn't is refused with a sentence that says both.

#include <plexus/version.hpp>

#include <memory>
#include <string_view>
#include <utility>

namespace plexus {

class channel_actor;
class hooks;

namespace detail {

using make_actor = std::unique_ptr<channel_actor> (*)();
using make_hooks = std::unique_ptr<hooks> (*)();

/// Where a plugin registers; implemented by the node.
class registry {
public:
  virtual void add_actor(std::string_view name, make_actor make) = 0;
  virtual void add_hooks(make_hooks make) = 0;

protected:
  ~registry() = default;
};

/// Plain data, so that a node can read it of any version.
struct plugin_info {
  unsigned magic;            ///< plugin_magic
  unsigned interface_number; ///< PLEXUS_INTERFACE
  const char* version;       ///< PLEXUS_VERSION
  const char* compiled_by;   ///< what has to be alike for C++ to fit together
  void (*register_in)(registry&);
};
inline constexpr unsigned plugin_magic = 0x504c5831; // PLX1

#define PLEXUS_TEXT_OF_(x) #x
#define PLEXUS_TEXT_OF(x) PLEXUS_TEXT_OF_(x)
#if defined(_LIBCPP_VERSION)
#define PLEXUS_LIBRARY_TEXT "libc++"
#elif defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI
#define PLEXUS_LIBRARY_TEXT "libstdc++ with C++11 strings"
#else
#define PLEXUS_LIBRARY_TEXT "libstdc++ with old strings"
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PLEXUS_SANITIZED_TEXT ", AddressSanitizer"
#elif defined(__SANITIZE_THREAD__)
#define PLEXUS_SANITIZED_TEXT ", ThreadSanitizer"
#else
#define PLEXUS_SANITIZED_TEXT ""
#endif
inline constexpr const char* compiled_by =
    PLEXUS_LIBRARY_TEXT ", C++ ABI " PLEXUS_TEXT_OF(__GXX_ABI_VERSION) PLEXUS_SANITIZED_TEXT;

} // namespace detail

/// Given to the body of PLEXUS_PLUGIN.
class plugin {
public:
  explicit plugin(detail::registry& to) : to_(to) {}

  /// `Actor` derives from `channel_actor` and can be made without arguments. `name`: for the namespace option
  /// `actor` and in front of its RPC methods; letters, digits, `_` and `-`. Each name once in a node.
  template <class Actor>
  void actor(std::string_view name) {
    to_.add_actor(name, []() -> std::unique_ptr<channel_actor> { return std::make_unique<Actor>(); });
  }
  /// `Hooks` derives from `plexus::hooks`. Those of several plugins are asked in the order of the configuration.
  template <class Hooks>
  void hooks() {
    to_.add_hooks([]() -> std::unique_ptr<plexus::hooks> { return std::make_unique<Hooks>(); });
  }

private:
  detail::registry& to_;
};

} // namespace plexus

/// Once in a plugin; see the top of this file.
#define PLEXUS_PLUGIN(name)                                                                                        \
  static void plexus_register_all(::plexus::plugin&);                                                              \
  extern "C" __attribute__((visibility("default"))) const ::plexus::detail::plugin_info* plexus_plugin() {         \
    static const ::plexus::detail::plugin_info info{::plexus::detail::plugin_magic, PLEXUS_INTERFACE,              \
                                                    PLEXUS_VERSION, ::plexus::detail::compiled_by,                 \
                                                    [](::plexus::detail::registry& to) {                           \
                                                      ::plexus::plugin all(to);                                    \
                                                      plexus_register_all(all);                                    \
                                                    }};                                                            \
    return &info;                                                                                                  \
  }                                                                                                                \
  static void plexus_register_all(::plexus::plugin& name)
