#include "actors/extension/plugins.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <stdexcept>

namespace plexus::extension {

namespace {

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw std::runtime_error("plugins: found \"" + file + "\" (" + why + "), expected a plugin that fits this node");
}

std::string sentence(const char* version, unsigned interface_number, const char* compiled_by) {
  return "Plexus " + std::string(version) + " (plugin interface " + std::to_string(interface_number) + ", " +
         compiled_by + ")";
}

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name != "plexus" &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                  c == '-';
         });
}

} // namespace

void plugins::load(const std::vector<std::string>& files) {
  for (const auto& each : files) load_one(each);
}

void plugins::load_one(const std::string& file) {
  // A name without a slash would be searched for in the system's directories.
  const auto path = file.find('/') == std::string::npos ? "./" + file : file;
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) refuse(file, std::string("can't be loaded: ") + ::dlerror());
  using entry = const detail::plugin_info* (*)();
  const auto get = reinterpret_cast<entry>(::dlsym(handle, "plexus_plugin"));
  if (get == nullptr) refuse(file, "is no plugin: it has no PLEXUS_PLUGIN");
  const auto* info = get();
  if (info == nullptr || info->magic != detail::plugin_magic)
    refuse(file, "is no plugin that this Plexus can read");
  if (info->interface_number != PLEXUS_INTERFACE || std::string_view(info->compiled_by) != detail::compiled_by)
    refuse(file, "was built for " + sentence(info->version, info->interface_number, info->compiled_by) +
                     ", this node is " + sentence(PLEXUS_VERSION, PLEXUS_INTERFACE, detail::compiled_by) +
                     "; build it against the headers of this one");
  loading_ = file;
  info->register_in(*this);
  loading_.clear();
}

void plugins::add_actor(std::string_view name, detail::make_actor make) {
  if (!good_name(name))
    refuse(loading_, "\"" + std::string(name) +
                         "\" can't be an actor's name: letters, digits, _ and -, at most 64, and not \"plexus\"");
  if (!actors_.emplace(std::string(name), make).second)
    refuse(loading_, "there is an actor named \"" + std::string(name) + "\" already");
}

void plugins::add_hooks(detail::make_hooks make) {
  hooks_.push_back(make());
}

detail::make_actor plugins::find(std::string_view name) const {
  const auto found = actors_.find(name);
  return found == actors_.end() ? nullptr : found->second;
}

std::string plugins::names() const {
  std::string out;
  for (const auto& [name, make] : actors_) out += (out.empty() ? "\"" : ", \"") + name + "\"";
  return out;
}

} // namespace plexus::extension
