#include "actors/admin/session.hpp"

#include "actors/connection/client.hpp"
#include "actors/runtime/log.hpp"
#include "actors/runtime/metrics.hpp"

#include <nlohmann/json.hpp>

namespace plexus::admin {

using protocol::error_code;

namespace {

const runtime::metrics::counter sign_ins{"plexus_admin_sign_ins_total",
                                         "Attempts to sign in over the admin WebSocket.",
                                         "result",
                                         {"accepted", "refused", "too_many"}};
const runtime::metrics::gauge sessions{"plexus_admin_sessions", "Open admin WebSockets."};

constexpr std::uint16_t policy_violation = 1008, try_again_later = 1013;
constexpr std::chrono::milliseconds least_interval{100}, longest_interval{60'000};
constexpr std::chrono::milliseconds longest_trace_interval{5000};
constexpr std::size_t longest_token = 16 * 1024;

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Rows that came since: an empty list is not worth a message.
bool is_empty_news(const std::string& method, const json& result) {
  const char* rows = method == "trace" ? "steps" : method == "logs" ? "lines" : nullptr;
  return rows && result[rows].empty() && result["dropped"] == 0 && result["silent"].empty() &&
         !result.contains("refused");
}

} // namespace

session::session(transport::message_socket& socket, const desk_room& room) :
    socket_(socket),
    room_(room),
    address_(socket.client()),
    alive_(std::make_shared<session*>(this)),
    begun_(clock::now()),
    ping_at_(begun_ + ping_every) {
  sessions.add(1);
  socket_.set_timer(time_to_say_who);
}

session::~session() {
  room_.seats.leave(address_, signed_in_);
  sessions.add(-1);
}

void session::on_gone() {
  gone_ = true;
  *alive_ = nullptr;
  // The watches themselves stay: this may be called from the midst of them.
  for (auto& [id, w] : watches_) stop(w);
}

void session::leave(std::uint16_t code, std::string_view why) {
  if (gone_) return;
  socket_.close(code, why); // leads to on_gone
}

void session::on_message(std::string_view text) {
  auto asked = parse_bounded(text);
  // {"id": 1, "METHOD": {...}}
  const auto id = asked.is_object() ? asked.find("id") : asked.end();
  if (!asked.is_object() || asked.size() != 2 || id == asked.end() || !id->is_number_unsigned() || *id == 0) {
    leave(policy_violation, R"(expected {"id": a number above 0, "METHOD": {...}})");
    return;
  }
  for (auto& [name, with] : asked.items())
    if (name != "id") {
      handle(id->get<std::uint64_t>(), name, with);
      return;
    }
}

void session::handle(std::uint64_t id, const std::string& method, const json& with) {
  try {
    if (who_.may == access::none) {
      if (method != "auth" || attempt_) {
        leave(policy_violation, "the first message must be auth, and be answered before another");
        return;
      }
      ask_in(id, with);
    } else if (method == "auth") {
      refuse(id, error_code::bad_request, "this connection is signed in already");
    } else if (method == "watch") {
      begin_watch(id, with);
    } else if (method == "unwatch") {
      end_watch(id, with);
    } else if (method == "trace" || !office::knows(method)) {
      refuse(id, error_code::method_not_found, method == "trace" ? "a trace is something to watch" : "");
    } else if (under_way_ >= max_under_way) {
      refuse(id, error_code::too_many_requests, "as many requests are under way as there may be");
    } else {
      ++under_way_;
      room_.asks.run(method, with, who_, [weak = std::weak_ptr<session*>(alive_), id](json what) {
        auto self = weak.lock();
        if (!self || !*self) return;
        what["id"] = id;
        (*self)->write(std::move(what), [id](session& own, written w) {
          --own.under_way_;
          own.say(std::move(w.text), "id", id);
          own.rearm(); // to see whether it is read
        });
      });
    }
  } catch (const refusal& why) {
    refuse(id, why.code, why.message);
  }
}

void session::answer(std::uint64_t id, json what) {
  if (gone_) return;
  what["id"] = id;
  say(to_text(what), "id", id);
  if (who_.may != access::none) rearm(); // to see whether it is read
}

void session::say(std::string text, const char* key, std::uint64_t id) {
  if (text.size() > longest_answer) {
    auto shorter = error_of(error_code::limit_exceeded,
                            "the answer has " + std::to_string(text.size()) + " bytes: ask for less of it");
    shorter[key] = id;
    text = to_text(shorter);
  }
  socket_.send(std::move(text));
}

void session::refuse(std::uint64_t id, error_code code, std::string message) {
  answer(id, error_of(code, std::move(message)));
}

void session::ask_in(std::uint64_t id, const json& with) {
  attempt a;
  a.id = id;
  params p(with);
  a.secret = p.text("secret", {}, longest_token);
  a.token = p.text("token", {}, longest_token);
  p.done();
  const auto now = clock::now();
  const auto when = room_.door.admit(socket_.client(), now);
  if (!when) {
    sign_ins.add(1, 2);
    refuse(id, error_code::too_many_requests, "too many attempts from this address: try again later");
    leave(policy_violation, "too many attempts");
    return;
  }
  a.when = *when;
  attempt_ = std::move(a);
  if (attempt_->when <= now)
    judge(now);
  else
    rearm();
}

void session::judge(clock::time_point) {
  auto a = std::move(*attempt_);
  attempt_.reset();
  const auto settings = room_.env.node.settings();
  std::string by = "secret";
  if (is_secret(a.secret, settings->admin_secret)) {
    who_.may = access::write;
    pass_.secret = std::move(a.secret);
  } else if (!a.token.empty()) {
    auto verified = room_.env.node.verifier()->verify(a.token, unix_seconds());
    if (auto* claims = std::get_if<connection::claims>(&verified)) {
      pass_ = {{}, claims->user, claims->id, claims->issued_at, claims->expires_at};
      if (!over(false)) who_.may = access_of(*claims);
      by = "user " + claims->user;
    }
  }
  if (who_.may == access::none) {
    sign_ins.add(1, 1);
    if (const auto attempts = room_.door.worth_a_line(clock::now()))
      runtime::log::warn("admin", "a wrong secret or token", {{"peer", socket_.peer()}, {"attempts", *attempts}});
    refuse(a.id, error_code::unauthorized);
    leave(policy_violation, "not signed in");
    return;
  }
  room_.door.forget(socket_.client());
  if (!room_.seats.sign_in(address_)) {
    who_.may = access::none;
    sign_ins.add(1, 2);
    runtime::log::warn("admin", "as many admin connections as there may be", {{"peer", socket_.peer()}});
    refuse(a.id, error_code::limit_exceeded, "this node has as many admin connections as it may have");
    leave(try_again_later, "too many");
    return;
  }
  signed_in_ = true;
  socket_.settle();
  sign_ins.add(1, 0);
  pass_at_ = clock::now() + pass_looked_at_every;
  who_.by = by + " from " + socket_.peer();
  runtime::log::info("admin", "signed in",
                     {{"by", who_.by}, {"may", who_.may == access::write ? "write" : "read"}});
  answer(a.id, result_of({{"version", 1},
                          {"access", who_.may == access::write ? "write" : "read"},
                          {"node", room_.env.name},
                          {"plexus", room_.env.version}}));
  rearm();
}

const char* session::over(bool in_use) const {
  if (!pass_.secret.empty())
    return is_secret(pass_.secret, room_.env.node.settings()->admin_secret) ? nullptr : "the secret has changed";
  const auto now = unix_seconds();
  if (pass_.expires_at && now >= *pass_.expires_at) return "the token has expired";
  const auto& denied = room_.env.transports[socket_.home().index()]->environment().denied;
  const auto why = denied.judge({pass_.user, pass_.id, pass_.issued_at}, now, in_use);
  return why == connection::denial::none ? nullptr : "the user is blocked, or the token revoked";
}

void session::write(json what, std::function<void(session&, written)> then) {
  auto kept = std::make_shared<json>(std::move(what));
  auto made = std::make_shared<written>();
  room_.asks.aside(
      [kept, made] {
        made->text = to_text(*kept);
        made->hash = std::hash<std::string>{}(made->text) | 1U;
        *kept = nullptr; // what is long takes as long to take apart
        return json();
      },
      [weak = std::weak_ptr<session*>(alive_), made, then = std::move(then)](const json&) {
        auto self = weak.lock();
        if (self && *self) then(**self, std::move(*made));
      });
}

void session::begin_watch(std::uint64_t id, const json& with) {
  params p(with);
  watch w;
  const auto& request = p.any("request");
  w.interval = p.duration("interval", std::chrono::seconds(1), least_interval, longest_interval);
  p.done();
  if (!request.is_object() || request.size() != 1)
    throw refusal{error_code::bad_request, R"("request": expected {"METHOD": {...}})"};
  w.method = request.begin().key();
  if (!office::only_reads(w.method)) throw refusal{error_code::bad_request, "only what reads can be watched"};
  if (!request.begin()->is_object()) throw refusal{error_code::bad_request, "the parameters must be an object"};
  if (watches_.contains(id)) throw refusal{error_code::bad_request, "there is a watch of this id"};
  if (watches_.size() >= max_watches)
    throw refusal{error_code::limit_exceeded, "as many watches as a connection may have"};
  w.with = std::make_shared<json>(request.begin().value());
  if (w.method == "trace") {
    static std::atomic<std::uint64_t> last{0};
    w.interval = std::min(w.interval, longest_trace_interval);
    w.trace = room_.env.uid.substr(0, 16) + "-" + std::to_string(++last);
    (*w.with)["name"] = w.trace;
  }
  w.due = clock::now();
  auto& kept = watches_.emplace(id, std::move(w)).first->second;
  answer(id, result_of({{"watch", id}}));
  // Whatever waits for the reader: its own answer does at least, and the first result is what somebody waits for.
  kept.due = clock::now() + kept.interval;
  look(id, kept);
  rearm();
}

void session::end_watch(std::uint64_t id, const json& with) {
  params p(with);
  const auto which = static_cast<std::uint64_t>(p.number("watch", 0, 0, INT64_MAX));
  p.done();
  auto found = watches_.find(which);
  if (found == watches_.end()) throw refusal{error_code::bad_request, "there is no watch of this id"};
  stop(found->second);
  watches_.erase(found);
  answer(id, result_of(json::object()));
}

void session::stop(watch& w) {
  if (!w.trace.empty()) room_.asks.end_trace(w.trace);
}

void session::tick(std::uint64_t id, watch& w, clock::time_point now) {
  w.due = now + w.interval;
  // Who hasn't read the last one gets no other, and who is slower than the interval isn't asked twice.
  if (w.asked || socket_.waiting() > 0) return;
  look(id, w);
}

void session::look(std::uint64_t id, watch& w) {
  w.asked = true;
  auto with = w.with;
  room_.asks.run(w.method, *with, who_, [weak = std::weak_ptr<session*>(alive_), id](json what) {
    auto self = weak.lock();
    if (self && *self) (*self)->show(id, std::move(what));
  });
}

void session::show(std::uint64_t id, json what) {
  auto found = watches_.find(id);
  if (found == watches_.end()) return;
  auto& w = found->second;
  if (auto result = what.find("result"); result != what.end()) {
    if (auto cursor = result->find("cursor"); cursor != result->end()) {
      // A node that was silent goes on from where it was.
      auto& after = (*w.with)["after"];
      if (!after.is_object()) after = json::object();
      after.update(*cursor);
    }
    if (w.last != 0 && is_empty_news(w.method, *result)) {
      w.asked = false;
      return;
    }
  }
  what["watch"] = id;
  write(std::move(what), [id](session& own, written news) { own.send_news(id, std::move(news)); });
}

void session::send_news(std::uint64_t id, written what) {
  auto found = watches_.find(id);
  if (found == watches_.end()) return;
  auto& w = found->second;
  w.asked = false;
  if (what.hash == w.last) return; // nothing has changed
  w.last = what.hash;
  say(std::move(what.text), "watch", id);
  rearm();
}

void session::on_timer() {
  const auto now = clock::now();
  if (who_.may == access::none) {
    if (attempt_ && now >= attempt_->when)
      judge(now);
    else if (!attempt_ && now >= begun_ + time_to_say_who)
      leave(policy_violation, "not signed in within 5 s");
    else
      rearm();
    return;
  }
  if (now >= look_at_) {
    look_at_ = clock::time_point::max();
    if (!attention_.goes_on(now, socket_.waiting(), socket_.sent())) {
      if (!gone_) socket_.drop(); // leads to on_gone
      return;
    }
  }
  if (now >= pass_at_) {
    pass_at_ = now + pass_looked_at_every;
    if (const char* why = over(true)) {
      runtime::log::info("admin", "signed out", {{"by", who_.by}, {"why", why}});
      leave(policy_violation, why);
      return;
    }
  }
  if (now >= ping_at_) {
    ping_at_ = now + ping_every;
    socket_.ping();
  }
  for (auto& [id, w] : watches_)
    if (now >= w.due && !gone_) tick(id, w, now);
  rearm();
}

void session::rearm() {
  if (gone_) return;
  const auto now = clock::now();
  auto next = ping_at_;
  if (who_.may == access::none) {
    next = attempt_ ? attempt_->when : begun_ + time_to_say_who;
  } else {
    for (auto& [id, w] : watches_) next = std::min(next, w.due);
    // Once a second, however often this is called meanwhile.
    if (socket_.waiting() > 0 && look_at_ == clock::time_point::max()) look_at_ = now + std::chrono::seconds(1);
    next = std::min({next, look_at_, pass_at_});
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now);
  socket_.set_timer(std::max(left, std::chrono::milliseconds(1)));
}

} // namespace plexus::admin
