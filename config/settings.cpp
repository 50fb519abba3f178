#include "config/settings.hpp"

namespace plexus::config {

const channel_options* settings::options_of(std::string_view channel) const noexcept {
  const auto colon = channel.find(':');
  if (colon == std::string_view::npos) return &default_channel;
  const auto found = namespaces.find(channel.substr(0, colon));
  return found == namespaces.end() ? nullptr : &found->second;
}

} // namespace plexus::config
