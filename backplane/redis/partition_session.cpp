// Connecting, greeting and leases of a partition.

#include "backplane/redis/partition.hpp"

#include "actors/runtime/log.hpp"
#include "backplane/redis/metrics.hpp"
#include "backplane/redis/nonce.hpp"
#include "backplane/redis/scripts.hpp"
#include "backplane/redis/slots.hpp"

#include <algorithm>
#include <random>

namespace plexus::backplane::redis {

namespace {

constexpr milliseconds pulse_every{20};
constexpr milliseconds said_elsewhere{300};

milliseconds jittered(milliseconds of) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return milliseconds{std::uniform_int_distribution<std::int64_t>(of.count() / 2, of.count())(random)};
}

} // namespace

struct partition::pulse_timer final : runtime::timer {
  explicit pulse_timer(partition& of) : owner(of) {}
  void expired() override { owner.pulse(); }
  partition& owner;
};

partition::partition(runtime::loop& home, setup with, backplane::executor run, listener& to) :
    home_(home),
    with_(std::move(with)),
    run_(std::move(run)),
    to_(to),
    timer_(std::make_unique<pulse_timer>(*this)),
    lease_(with_.times.lease),
    batches_({with_.times.max_pending, with_.times.max_pending_bytes, 128, 1 << 20}),
    shared_(run_, with_.times.hold / 2),
    gathering_(home) {}

partition::~partition() {
  stop();
}

milliseconds partition::now() const {
  return std::chrono::duration_cast<milliseconds>(link::clock::now().time_since_epoch());
}

void partition::start(std::function<void(const start_result&)> done) {
  started_ = std::move(done);
  down_since_ = now();
  connect();
  pulse();
}

void partition::stop() {
  stopped_ = true;
  *alive_ = false;
  timer_->disarm();
  if (commands_) commands_->close();
  if (inbox_link_) inbox_link_->close();
}

// -- connecting

void partition::connect() {
  phase_ = phase::opening;
  opened_ = now();
  locating_ = true;
  with_.where->find([this, alive = std::weak_ptr<bool>(alive_)](const endpoint& where, const std::string& why) {
    if (const auto here = alive.lock(); !here || !*here) return;
    if (!locating_ || phase_ != phase::opening) return;
    locating_ = false;
    if (where.host.empty()) return doubt(count::broken, why);
    open_commands(where);
  });
}

void partition::open_commands(const endpoint& where) {
  commands_ = with_.links->to(where);
  commands_->open([this] { load_scripts(false); }, [this](const std::string& why) { doubt(count::broken, why); });
}

void partition::load_scripts(bool again) {
  commands_->load({scripts::hello, scripts::append, scripts::batch, scripts::renew}, again,
                  [this](const std::vector<std::string>& hashes, const std::string& why) {
                    if (!why.empty()) return doubt(count::refused, why);
                    hello_sha_ = hashes[0];
                    append_sha_ = hashes[1];
                    batch_sha_ = hashes[2];
                    renew_sha_ = hashes[3];
                    if (phase_ != phase::up) greet();
                  });
}

void partition::greet() {
  phase_ = phase::greeting;
  words w;
  w.add("EVALSHA");
  w.add(hello_sha_);
  add_keys(w);
  w.add(with_.prefix);
  w.add(with_.uid);
  w.add(self_.next_connection());
  w.add(self_.generation());
  w.add(self_.inbox());
  w.add(make_nonce(inbox_name_length));
  w.add(make_nonce(nonce_length));
  w.add(lease_.lease());
  w.add(with_.partitions);
  w.add(with_.node_name);
  w.add(with_.times.node_life());
  w.add(move_.from);
  w.add(move_.to);
  commands_->send(w.all(), [this](const answer_ptr& a) { on_hello(reply(a)); });
}

void partition::on_hello(const reply& r) {
  if (r.is_error()) {
    if (r.text().starts_with("NOSCRIPT")) return load_scripts(true); // forgotten since another partition sent them
    if (!with_.cluster || redirection_of(r.text()) == redirection::none) count::script_errors.add();
    return doubt(count::refused, std::string(r.text()));
  }
  if (r[0].text() == "PARTITIONS") {
    start_result result{"backplane.partitions: Redis was first used with " + std::string(r[1].text()) +
                            ", this node is configured for " + std::to_string(with_.partitions),
                        true};
    if (auto tell = std::exchange(started_, nullptr)) tell(result);
    return doubt(count::refused, result.fault);
  }
  if (r[0].text() != "OK") return doubt(count::refused, std::string(r[1].text()));
  const bool created = r[3].number() == 1;
  const auto how = self_.accept(r[1].text(), r[2].text());
  if (created || how != identity::greeting::same) {
    tail_.begin();
    to_enter_.clear();
    for (const auto& [channel, clients] : members_)
      for (const auto& [client, member] : clients) to_enter_.emplace_back(channel, client);
  }
  if (how == identity::greeting::raised) count_generation(r[6].text());
  mark_ = r[6].text();
  greeted_at_ = to_string(commands_->where());
  with_.where->met(commands_->where(), mark_);
  lease_.greeted(now(), milliseconds{static_cast<std::int64_t>(r[5].number())});
  if (how == identity::greeting::raised) put_back_notices(milliseconds{static_cast<std::int64_t>(r[7].number())});
  attach();
}

// The inbox's connection has to lead to the same server: a read works on replicas too, and on an old primary.
void partition::attach() {
  phase_ = phase::attaching;
  auto to = with_.login;
  to.where = commands_->where();
  inbox_link_ = std::make_shared<link>(home_, std::move(to));
  inbox_link_->open(
      [this] {
        inbox_link_->send({"INFO", "server"}, [this](const answer_ptr& server) {
          inbox_link_->send({"INFO", "replication"}, [this, server](const answer_ptr& replication) {
            const auto mark = std::string(info_value(reply(server).text(), "run_id")) + " " +
                              std::string(info_value(reply(replication).text(), "master_replid"));
            if (mark != mark_) return doubt(count::replaced, "the second connection leads to another server");
            if (examined_ == mark_) return on_up();
            inbox_link_->send({"INFO", "memory"}, [this](const answer_ptr& memory) {
              examined_ = mark_;
              warn_about_eviction(reply(memory).text());
              on_up();
            });
          });
        });
      },
      [this](const std::string& why) { doubt(count::broken, why); });
}

void partition::on_up() {
  phase_ = phase::up;
  move_ = {};
  retry_ = milliseconds{0};
  paused_until_ = milliseconds{0};
  located_ = now();
  count::connects.add();
  if (const auto address = to_string(commands_->where());
      !trouble_.empty() && up_before_ && with_.links->news("again " + address))
    runtime::log::info(
        "backplane", "connected to Redis again",
        {{"address", address}, {"partition", with_.tag}, {"after_ms", (now() - down_since_).count()}});
  trouble_.clear();
  up_before_ = true;
  holes_.clear();
  to_enroll_.clear();
  if (with_.has_notices) views_[""]; // every node occupies it, always
  for (auto& [channel, known] : views_) {
    known.queued = false;
    queue_enroll(channel, known, count::connected);
  }
  if (with_.has_notices) ask_notices();
  note_health(now());
  read_inbox();
  if (!batches_.outstanding().empty()) {
    send_batch(false); // its answer was lost; under its number it gets it again
  } else {
    flush();
  }
  if (!with_.has_notices)
    if (auto tell = std::exchange(started_, nullptr)) tell({});
}

void partition::doubt(std::size_t reason, const std::string& why) {
  if (stopped_ || phase_ == phase::off) return;
  const auto at = now();
  if (phase_ == phase::up) {
    down_since_ = at;
    const auto address = to_string(commands_->where());
    if (with_.links->news("doubt " + std::to_string(reason) + " " + address))
      runtime::log::warn("backplane", "the connections to Redis are closed and opened again",
                         {{"address", address}, {"partition", with_.tag}, {"reason", why}});
  }
  count::doubts.add(1, reason);
  doubted_ = reason;
  trouble_ = why;
  phase_ = phase::off;
  locating_ = false;
  if (commands_) {
    with_.where->refused(why, commands_->where());
    commands_->close();
  }
  if (inbox_link_) inbox_link_->close();
  move_.leaving = false;
  parked_ = nullptr;
  waiting_for_replica_ = false;
  sweep_.forget();
  to_clean_.clear();
  const bool first = retry_.count() == 0;
  retry_ = first ? with_.times.first_retry : std::min(retry_ * 2, with_.times.last_retry);
  next_attempt_ = at + jittered(retry_);
  note_health(at);
}

// -- time

void partition::pulse() {
  if (stopped_) return;
  const auto at = now();
  if (phase_ == phase::off && at >= next_attempt_) connect();
  if (phase_ != phase::off) watch_answers(at);
  if (phase_ == phase::up) {
    if (leaving_ && at >= farewell_until_) {
      farewell_until_ = milliseconds::max();
      std::vector<step> now_at_once(1);
      now_at_once.front().what = bye_step{};
      batches_.put_back(now_at_once);
    }
    // After a pause of this process too: the renewal goes first.
    if (lease_.due(at)) renew(at);
    if (with_.where->moves() && at - located_ >= milliseconds{1000}) ask_where();
    for (const auto& channel : std::exchange(holes_, {})) {
      const auto found = views_.find(channel);
      if (found == views_.end() || !found->second.order.waits()) continue;
      if (at - found->second.order.waits_since() >= with_.times.hole_wait)
        queue_enroll(channel, found->second, count::hole);
      holes_.insert(channel);
    }
    if (at >= next_sweep_) sweep(at);
    watch_move(at);
    flush();
  }
  give_up(at);
  note_health(at);
  home_.arm(*timer_, home_.now() + pulse_every);
}

// A call costs Redis as much as several registrations, so they wait for each other.
void partition::sweep(milliseconds at) {
  next_sweep_ = at + with_.times.sweep_step;
  while (!swept_.empty() && swept_.front().first + with_.times.sweep <= at) {
    const auto found = views_.find(swept_.front().second);
    if (found != views_.end() && found->second.enrolled == swept_.front().first)
      queue_enroll(found->first, found->second, count::swept);
    swept_.pop_front();
  }
}

void partition::watch_answers(milliseconds at) {
  if (phase_ != phase::up) {
    if (at - opened_ >= with_.times.answer_deadline) doubt(count::silent, "connecting takes too long");
    return;
  }
  const auto waits = [](const auto& of) {
    const auto since = of->silent_since();
    return since ? link::clock::now() - *since : link::clock::duration{0};
  };
  if (waits(commands_) >= with_.times.answer_deadline ||
      waits(inbox_link_) >= with_.times.answer_deadline + with_.times.block)
    return doubt(count::silent, "Redis does not answer");
  if (parked_ && link::clock::now() - sent_ >= with_.times.answer_deadline + with_.times.replica_wait)
    doubt(count::silent, "the inbox lags behind");
}

void partition::renew(milliseconds at) {
  lease_.asked(at);
  move_.renew_sent = at;
  words w;
  w.add("EVALSHA");
  w.add(renew_sha_);
  add_caller(w);
  w.add(lease_.lease());
  w.add("1-" + std::to_string(tail_.last()));
  w.add(with_.times.node_life());
  w.add(lease_.longest_gap());
  commands_->send(w.all(), [this](const answer_ptr& a) { on_renewed(reply(a)); });
}

void partition::on_renewed(const reply& r) {
  if (r.is_error()) {
    if (r.text().substr(0, 8) == "NOSCRIPT") return load_scripts(true);
    if (redirected(r, command::renewal)) return;
    count::script_errors.add();
    return doubt(count::refused, std::string(r.text()));
  }
  if (r[0].text() != "OK") return doubt(count::refused, std::string(r[1].text()));
  lease_.renewed(now(), milliseconds{static_cast<std::int64_t>(r[1].number())});
  served(move_.renew_sent);
  inbox_waiting_ = r[2].number();
  std::vector<std::string> dead;
  for (std::size_t i = 3; i < r.size(); ++i) dead.emplace_back(r[i].text());
  bury(dead);
}

// A primary that was replaced may go on serving: its connections look well, and what it acknowledges is lost.
void partition::ask_where() {
  located_ = now();
  with_.where->check([this, alive = std::weak_ptr<bool>(alive_)](const endpoint& where, const std::string&) {
    if (const auto here = alive.lock(); !here || !*here) return;
    if (phase_ != phase::up || where.host.empty() || where == commands_->where()) return;
    if (!with_.cluster) return doubt(count::replaced, "the primary is " + to_string(where) + " now");
    // Perhaps the slot was moved: then this server says so, which is better to hear from itself.
    if (move_.leave_by.count() > 0) return;
    move_.leave_by = now() + said_elsewhere;
    renew(now());
  });
}

void partition::give_up(milliseconds at) {
  batches_.expire(at, [this](step& each, bool sent) {
    count::given_up.add();
    refuse(each, error_code::internal);
    if (!sent) keep_fact(each);
  });
}

} // namespace plexus::backplane::redis
