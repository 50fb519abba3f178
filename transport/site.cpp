#include "transport/site.hpp"

namespace plexus::transport {

void site::add(std::string prefix, port where, std::shared_ptr<http::handler> who) {
  routes_.push_back({std::move(prefix), where, std::move(who)});
}

http::handler* site::find(std::string_view path, bool internal) const noexcept {
  for (auto& r : routes_) {
    if (internal && r.where == port::public_only) continue;
    if (!internal && has_internal_ && r.where == port::internal_first) continue;
    auto below = r.prefix.ends_with('/') && r.prefix.size() > 1 && path.starts_with(r.prefix);
    if (path == r.prefix || below) return r.who.get();
  }
  return nullptr;
}

} // namespace plexus::transport
