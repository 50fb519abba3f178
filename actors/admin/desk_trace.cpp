#include "actors/admin/desk.hpp"

#include <nlohmann/json.hpp>

namespace plexus::admin {

void desk::trace(params& p, answered done) {
  trace_subject of;
  auto name = p.needed("name", 64);
  of.client = p.text("client");
  of.user = p.text("user");
  of.channel = p.text("channel");
  of.payloads = p.flag("payloads");
  const auto over = p.flag("end");
  p.done();
  if (over) {
    traces_.end(name);
    done(result_of(json::object()));
    return;
  }
  traces_.take(name, of, std::move(done));
}

} // namespace plexus::admin
