#include "actors/admin/desk.hpp"

#include <nlohmann/json.hpp>

namespace plexus::admin {

desk::desk(const environment& env, workroom elsewhere) :
    env_(env), elsewhere_(elsewhere), traces_(env, elsewhere) {}

void desk::tick(runtime::loop::clock::time_point now, bool record) {
  if (record) recorder_.tick(now);
  traces_.tick(now);
}

void desk::run(std::string_view method, const json& with, answered done) {
  using handler = void (desk::*)(params&, answered);
  static const std::map<std::string_view, handler> all{
      {"node", &desk::node},
      {"past", &desk::past},
      {"logs", &desk::logs},
      {"connections", &desk::connections},
      {"connection", &desk::connection},
      {"channels", &desk::channels},
      {"channel", &desk::channel_here},
      {"channel_log", &desk::channel_log},
      {"blocked", &desk::blocked},
      {"actors", &desk::actors},
      {"actor", &desk::actor},
      {"backplane", &desk::backplane},
      {"trace", &desk::trace},
      {"disconnect", &desk::disconnect},
      {"unsubscribe", &desk::unsubscribe},
      {"publish", &desk::publish},
      {"block_user", &desk::block_user},
      {"unblock_user", &desk::unblock_user},
      {"log_level", &desk::log_level},
      {"reload", &desk::reload},
      {"drain", &desk::drain},
      {"undrain", &desk::undrain},
      {"move", &desk::move},
  };
  auto found = all.find(method);
  if (found == all.end()) {
    done(error_of(protocol::error_code::method_not_found));
    return;
  }
  try {
    params p(with);
    (this->*found->second)(p, done);
  } catch (const refusal& why) {
    done(error_of(why));
  }
}

} // namespace plexus::admin
