#include "transport/site.hpp"

#include "transport/message_socket.hpp"

namespace plexus::transport {

void site::add(std::string prefix, port where, std::shared_ptr<http::handler> who) {
  routes_.push_back({std::move(prefix), where, std::move(who)});
}

void site::add_socket(std::string path, port where, std::shared_ptr<socket_service> who) {
  sockets_.push_back({std::move(path), where, std::move(who)});
}

bool site::shown(port where, bool internal) const noexcept {
  if (internal) return where != port::public_only;
  return where != port::internal_first || !has_internal_;
}

socket_service* site::find_socket(std::string_view path, bool internal) const noexcept {
  for (auto& s : sockets_)
    if (s.path == path && shown(s.where, internal)) return s.who.get();
  return nullptr;
}

http::handler* site::find(std::string_view path, bool internal) const noexcept {
  for (auto& r : routes_) {
    if (!shown(r.where, internal)) continue;
    auto below = r.prefix.ends_with('/') && r.prefix.size() > 1 && path.starts_with(r.prefix);
    if (path == r.prefix || below) return r.who.get();
  }
  return nullptr;
}

} // namespace plexus::transport
