#include "actors/admin/service.hpp"

#include "actors/admin/places.hpp"
#include "actors/admin/session.hpp"
#include "actors/runtime/log.hpp"
#include "actors/runtime/metrics.hpp"

#include <atomic>
#include <chrono>

namespace plexus::admin {

namespace {
const runtime::metrics::counter refused{"plexus_admin_sockets_refused_total",
                                        "Admin WebSockets refused with 503: too many had not signed in yet."};
} // namespace

/// A node without others.
class alone final : public peers {
public:
  using handler = std::function<void(std::string_view, std::function<void(std::string)>)>;
  alone(std::string name, std::string uid, handler own) :
      name_(std::move(name)), uid_(std::move(uid)), own_(std::move(own)) {}

  void ask(std::string node, std::string body, std::chrono::milliseconds, done then) override {
    if (!node.empty() && node != name_ && node != uid_) {
      then({{}, {std::move(node)}, false, true});
      return;
    }
    own_(body, [name = name_, then = std::move(then)](std::string answer) {
      then({{{name, std::move(answer)}}, {}, false, false});
    });
  }

private:
  std::string name_, uid_;
  handler own_;
};

struct service::parts {
  parts(const environment& e, peers* others) :
      env(e),
      own(env, workroom(&threads)),
      single(env.name, env.uid,
             [this](std::string_view body, std::function<void(std::string)> respond) {
               asks.serve(body, std::move(respond));
             }),
      asks(env, own, others ? *others : single, workroom(&threads)) {}
  environment env;
  desk own;
  alone single;
  office asks;
  gate door;
  places seats;
  std::atomic<std::int64_t> warned{0}; ///< steady seconds
  extension::aside_pool threads{1};    ///< the last one: it ends before what its work is about
};

service::service(const environment& env, peers* all) : parts_(std::make_unique<parts>(env, all)) {}
service::~service() = default;

bool service::on() const {
  return !parts_->env.node.settings()->admin_secret.empty();
}

std::unique_ptr<transport::socket_end> service::open(transport::message_socket& with) {
  auto& p = *parts_;
  if (p.seats.enter(with.client()))
    return std::make_unique<session>(with, desk_room{p.env, p.asks, p.door, p.seats});
  refused.add();
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  if (p.warned.exchange(now) != now)
    runtime::log::warn("admin", "too many connections that have not signed in: refused", {{"peer", with.peer()}});
  return nullptr;
}

void service::serve(std::string_view body, std::function<void(std::string)> respond) {
  parts_->asks.serve(body, std::move(respond));
}

void service::tick(runtime::loop::clock::time_point now) {
  parts_->own.tick(now, on());
}

} // namespace plexus::admin
