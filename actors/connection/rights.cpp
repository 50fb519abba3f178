#include "actors/connection/rights.hpp"

#include <algorithm>

namespace plexus::connection {

namespace {

const std::vector<std::string>& globs(const rights& can, action what) {
  switch (what) {
  case action::subscribe:
    return can.subscribe;
  case action::publish:
    return can.publish;
  case action::presence:
    return can.presence;
  case action::history:
    break;
  }
  return can.history;
}

config::access option(const config::channel_options& options, action what) {
  switch (what) {
  case action::subscribe:
    return options.subscribe;
  case action::publish:
    return options.publish;
  case action::presence:
    return options.read_presence;
  case action::history:
    break;
  }
  return options.read_history;
}

} // namespace

bool allowed(const subject& who, action what, std::string_view channel, const config::channel_options& options) {
  if (who.insecure) return true;
  if (who.can) {
    auto& list = globs(*who.can, what);
    if (std::any_of(list.begin(), list.end(), [&](auto& glob) { return glob_match(glob, channel); })) return true;
  }
  switch (option(options, what)) {
  case config::access::nobody:
    return false;
  case config::access::subscriber:
    return who.subscribed;
  case config::access::user:
    return who.has_token;
  case config::access::anyone:
    return true;
  }
  return false;
}

} // namespace plexus::connection
