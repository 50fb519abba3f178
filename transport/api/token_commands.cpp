#include "transport/api/token_commands.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace plexus::transport::api {

using connection::denial_kind;
using protocol::error_code;
using std::chrono::milliseconds;

namespace {

/// The end of the year 9999, in seconds: never.
constexpr std::int64_t last_time = 253'402'300'799;

milliseconds unix_now() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

/// A node that is asked this has heard of every notice that was put before, on all of its loops.
constexpr const char* heard = "api.notices_heard";

/// The cluster has the notice once the backplane has answered; then all nodes are asked whether they hold to it.
backplane::answer<backplane::nothing> told(cluster::cluster& nodes, pending_ptr to) {
  return [&nodes, to = std::move(to)](backplane::outcome<backplane::nothing> done) {
    if (done)
      ask_every_node(nodes, heard, {}, nothing_to_say, to);
    else
      to->tell(protocol::api_error{done.error(), {}});
  };
}

} // namespace

// The news of a notice was handed to all loops before the question came: what is handed to them now comes behind.
token_commands::token_commands(runtime::runtime& loops, backplane::backplane& plane, cluster::cluster& nodes) :
    loops_(loops), plane_(plane), nodes_(nodes) {
  nodes_.serve(heard, [this](std::string_view, cluster::cluster::respond say) {
    loops_.on_each([](runtime::loop&) {}, [say = std::move(say)] { say({}); });
  });
}

void token_commands::put(denial_kind what, const std::string& name, std::int64_t value, std::int64_t expire_at,
                         pending_ptr to) {
  const auto until =
      milliseconds(std::chrono::seconds(expire_at == 0 ? last_time : std::min(expire_at, last_time)));
  if (expire_at < 0 || until <= unix_now()) {
    to->tell(protocol::api_error{error_code::expired, "expire_at lies in the past"});
    return;
  }
  loops_.of({}).post(
      [this, notice = backplane::notice{connection::denial_key(what, name), value, until},
       done = told(nodes_, std::move(to))]() mutable { plane_.put_notice(std::move(notice), std::move(done)); });
}

void token_commands::run(const caller&, protocol::invalidate_user_tokens_request what, pending_ptr to) {
  const auto before = what.issued_before == 0 ? unix_now().count() : std::min(what.issued_before, last_time) * 1000;
  put(denial_kind::invalidate, what.user, before, what.expire_at, std::move(to));
}

void token_commands::run(const caller&, protocol::revoke_token_request what, pending_ptr to) {
  put(denial_kind::revoke, what.uid, 0, what.expire_at, std::move(to));
}

void token_commands::run(const caller&, protocol::block_user_request what, pending_ptr to) {
  put(denial_kind::block, what.user, 0, what.expire_at, std::move(to));
}

void token_commands::run(const caller&, protocol::unblock_user_request what, pending_ptr to) {
  loops_.of({}).post([this, key = connection::denial_key(denial_kind::block, what.user),
                      done = told(nodes_, std::move(to))]() mutable { plane_.drop_notice(key, std::move(done)); });
}

} // namespace plexus::transport::api
