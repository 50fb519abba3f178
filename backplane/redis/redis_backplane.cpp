#include "backplane/redis/redis_backplane.hpp"

#include "backplane/redis/locators.hpp"
#include "backplane/redis/nonce.hpp"
#include "backplane/redis/slots.hpp"

#include <algorithm>
#include <map>

namespace plexus::backplane::redis {

namespace {

/// The same on every node and in every version: a channel's partition is where its keys are.
std::size_t stable_hash(std::string_view name) {
  std::uint64_t h = 14695981039346656037U; // FNV-1a
  for (const auto c : name) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return h;
}

} // namespace

/// Waits for all partitions, or for the first fault, or for the time-out.
struct redis_backplane::start_state final : runtime::timer {
  std::function<void(const start_result&)> done;
  std::size_t left = 0;
  std::function<std::string()> why;

  void finish(const start_result& how) {
    disarm();
    if (auto tell = std::exchange(done, nullptr)) tell(how);
  }
  void one(const start_result& how) {
    if (!how.fault.empty() || --left == 0) finish(how);
  }
  void expired() override { finish({why(), false}); }
};

redis_backplane::redis_backplane(runtime::loop& home, const options& with, listener& to, executor run) :
    home_(home),
    run_(run),
    uid_(with.uid.empty() ? make_nonce(22) : with.uid),
    connect_timeout_(with.connect_timeout),
    lease_(with.times.lease),
    cluster_(with.where.cluster) {
  partition::setup common;
  common.uid = uid_;
  common.node_name = with.node_name;
  common.partitions = std::max(with.partitions, 1U);
  common.times = with.times;
  common.login.login = with.where.login;
  common.login.db = with.where.db;
  common.login.server_name = with.tls.server_name;
  if (with.where.tls) common.login.tls = make_tls_context(with.tls);
  common.links = std::make_shared<link_pool>(home, common.login, with.times.answer_deadline);
  common.cluster = with.where.cluster;
  std::vector<std::string> tags;
  std::vector<std::uint16_t> slots;
  for (unsigned i = 0; i < common.partitions; ++i) {
    tags.push_back(partition_tag(i, common.partitions));
    slots.push_back(slot_of(tags.back()));
  }
  std::vector<std::shared_ptr<locator>> places;
  if (common.cluster)
    places = make_cluster_locators(home, with.where, common.links, slots);
  else
    common.where = make_locator(home, with.where, common.login);
  for (unsigned i = 0; i < common.partitions; ++i) {
    auto each = common;
    if (common.cluster) each.where = places[i];
    each.prefix = "plexus:{" + tags[i] + "}:";
    each.tag = tags[i];
    each.has_notices = stable_hash("") % common.partitions == i;
    partitions_.push_back(std::make_unique<partition>(home, std::move(each), run, to));
  }
}

redis_backplane::~redis_backplane() = default;

void redis_backplane::start(std::function<void(const start_result&)> done) {
  starting_ = std::make_shared<start_state>();
  starting_->done = std::move(done);
  starting_->left = partitions_.size();
  starting_->why = [this] { return check().message; };
  home_.arm(*starting_, home_.now() + connect_timeout_);
  // The first one alone until it is up: it finds out whether Redis was first used with another number of
  // partitions, before the others write anything.
  partitions_.front()->start([this, starting = starting_](const start_result& how) {
    starting->one(how);
    if (!how.fault.empty()) return;
    for (std::size_t i = 1; i < partitions_.size(); ++i)
      partitions_[i]->start([starting](const start_result& rest) { starting->one(rest); });
  });
}

template <class Act>
void redis_backplane::on_partition(const std::string& channel, Act act) {
  auto* which = partitions_[stable_hash(channel) % partitions_.size()].get();
  if (home_.here())
    act(*which);
  else
    home_.post([which, act = std::move(act)]() mutable { act(*which); });
}

void redis_backplane::push(const std::string& channel, step what) {
  on_partition(channel, [what = std::move(what)](partition& p) mutable { p.ask(std::move(what)); });
}

namespace {

append_step to_step(draft what) {
  append_step s;
  s.body = encode_body(what);
  s.made = std::make_shared<protocol::publication>();
  s.made->data = std::move(what.data);
  s.made->info = std::move(what.info);
  s.made->binary = what.binary;
  s.made->tags = std::move(what.tags);
  if (what.idempotency_ttl > milliseconds{0}) s.key = std::move(what.idempotency_key);
  s.key_life = what.idempotency_ttl;
  s.skip_history = what.skip_history;
  s.replicated = what.replicated;
  return s;
}

} // namespace

void redis_backplane::append(const std::string& channel, const retention& keep, draft what, answer<appended> done) {
  auto s = to_step(std::move(what));
  s.done = std::move(done);
  push(channel, {channel, keep, {}, std::move(s)});
}

void redis_backplane::find_key(const std::string& channel, const std::string& key,
                               answer<std::optional<position>> done) {
  push(channel, {channel, {}, {}, find_key_step{key, std::move(done)}});
}

void redis_backplane::subscribe(const std::string& channel, const retention& keep, answer<position> done) {
  // A step without an answer is the partition's own repair.
  if (!done) done = [](const outcome<position>&) {};
  on_partition(channel, [what = step{channel, keep, {}, enroll_step{std::move(done)}}](partition& p) mutable {
    p.subscribe(std::move(what));
  });
}

void redis_backplane::unsubscribe(const std::string& channel) {
  on_partition(channel, [channel](partition& p) { p.unsubscribe(channel); });
}

void redis_backplane::recover(const std::string& channel, const retention& keep, const position& since,
                              std::size_t max, answer<recovery> done) {
  push(channel, {channel, keep, {}, recover_step{since, max, std::move(done)}});
}

void redis_backplane::history(const std::string& channel, const retention& keep, const log_query& what,
                              answer<log_page> done) {
  if (!keep.logs()) {
    const bool foreign = what.since && !what.since->epoch.empty();
    outcome<log_page> page = log_page{};
    if (foreign) page = error_code::unrecoverable_position;
    if (done) run_(channel, [done = std::move(done), page = std::move(page)] { done(page); });
    return;
  }
  push(channel, {channel, keep, {}, history_step{what, std::move(done)}});
}

void redis_backplane::remove_history(const std::string& channel, answer<nothing> done) {
  push(channel, {channel, {}, {}, remove_history_step{std::move(done)}});
}

void redis_backplane::enter(const std::string& channel, client_info who, answer<presence_change> done) {
  auto member = encode_member(who);
  enter_step s{std::move(who.client), std::move(member), std::move(done)};
  on_partition(channel,
               [what = step{channel, {}, {}, std::move(s)}](partition& p) mutable { p.enter(std::move(what)); });
}

void redis_backplane::leave(const std::string& channel, const std::string& client, answer<presence_change> done) {
  on_partition(channel, [what = step{channel, {}, {}, leave_step{client, std::move(done)}}](partition& p) mutable {
    p.leave(std::move(what));
  });
}

void redis_backplane::members(const std::string& channel, answer<presence_snapshot> done) {
  push(channel, {channel, {}, {}, members_step{std::move(done)}});
}

void redis_backplane::acquire_lease(const std::string& name, const std::string& holder, milliseconds ttl,
                                    answer<lease> done) {
  push(name, {name, {}, {}, acquire_step{holder, ttl, std::move(done)}});
}

void redis_backplane::release_lease(const std::string& name, const std::string& holder, answer<nothing> done) {
  push(name, {name, {}, {}, release_step{holder, std::move(done)}});
}

void redis_backplane::claim_actor(const std::string& channel, const std::string& holder, milliseconds ttl,
                                  answer<actor_claim> done) {
  push(channel, {channel, {}, {}, claim_actor_step{holder, ttl, std::move(done)}});
}

void redis_backplane::write_actor(const std::string& channel, const retention& keep, actor_write what,
                                  answer<actor_written> done) {
  write_actor_step s;
  for (auto& each : what.publications) s.publications.push_back(to_step(std::move(each)));
  what.publications.clear();
  s.what = std::move(what);
  s.done = std::move(done);
  push(channel, {channel, keep, {}, std::move(s)});
}

void redis_backplane::abandoned_actors(std::size_t most, answer<std::vector<std::string>> done) {
  const auto all = std::make_shared<std::vector<std::string>>();
  const auto left = std::make_shared<std::size_t>(partitions_.size());
  const auto failed = std::make_shared<bool>(false);
  // Asked with the empty name, so that all answers come on one loop.
  const auto one = [all, left, failed, most, done = std::move(done)](outcome<std::vector<std::string>> got) {
    if (got)
      for (auto& each : *got)
        if (all->size() < most) all->push_back(std::move(each));
    *failed = *failed || !got;
    if (--*left > 0 || !done) return;
    if (*failed && all->empty())
      done(error_code::internal);
    else
      done(std::move(*all));
  };
  const auto ask = [this, one, most] {
    for (auto& each : partitions_) each->ask({"", {}, {}, abandoned_step{most, one}});
  };
  if (home_.here())
    ask();
  else
    home_.post(ask);
}

void redis_backplane::put_notice(notice what, answer<nothing> done) {
  if (what.key.empty() || what.key.size() > max_notice_key) {
    if (done) run_("", [done = std::move(done)] { done(error_code::bad_request); });
    return;
  }
  push("", {"", {}, {}, put_notice_step{std::move(what), std::move(done)}});
}

void redis_backplane::drop_notice(const std::string& key, answer<nothing> done) {
  push("", {"", {}, {}, drop_notice_step{key, std::move(done)}});
}

void redis_backplane::peers(answer<std::vector<peer>> done) {
  push("", {"", {}, {}, peers_step{std::move(done)}});
}

void redis_backplane::send(const std::string& to, std::string bytes, answer<nothing> done) {
  if (to == uid_ || bytes.size() > max_message) {
    const auto why = to == uid_ ? error_code::bad_request : error_code::limit_exceeded;
    if (done) run_("", [done = std::move(done), why] { done(why); });
    return;
  }
  push("", {"", {}, {}, send_step{to, std::move(bytes), {}, std::move(done)}});
}

health redis_backplane::check() const {
  std::size_t away = 0;
  health first;
  for (const auto& each : partitions_) {
    auto how = each->check();
    if (how.ready) continue;
    // Without the notices blocked users and revoked tokens would be let in.
    if (!cluster_ || each->owes_notices()) return how;
    if (away++ == 0) first = std::move(how);
  }
  if (away == 0) return {};
  first.message = std::to_string(away) + " of " + std::to_string(partitions_.size()) +
                  " partitions can't be used; one of them: " + first.message;
  first.ready = away * 2 < partitions_.size();
  return first;
}

std::vector<runtime::metrics::sample> redis_backplane::samples() const {
  milliseconds age{0};
  std::size_t inbox = 0, pending = 0, away = 0;
  for (const auto& each : partitions_) {
    const auto now = each->measure();
    if (!each->check().ready) ++away;
    age = std::max(age, now.lease_age);
    inbox += now.inbox;
    pending += now.pending;
  }
  return {
      {"plexus_backplane_lease_age_seconds", "Since the node's lease in Redis was renewed.",
       std::chrono::duration<double>(age).count(), false},
      {"plexus_backplane_inbox_entries", "Batches of other nodes that wait in this node's inbox.",
       static_cast<double>(inbox), false},
      {"plexus_backplane_partitions_away", "Partitions that can't be used at the moment.",
       static_cast<double>(away), false},
      {"plexus_backplane_pending", "Steps that wait to be sent to Redis.", static_cast<double>(pending), false}};
}

milliseconds redis_backplane::lease_age() const {
  milliseconds age{0};
  for (const auto& each : partitions_) age = std::max(age, each->measure().lease_age);
  return age;
}

/// What servers say to a look, until all have answered or the time is over.
struct redis_backplane::looking final : runtime::timer {
  std::map<std::string, server> servers;
  std::function<void(std::vector<server>)> done;
  std::size_t left = 1;
  redis_backplane* of = nullptr;

  void one() {
    if (--left == 0) finish();
  }
  void finish() {
    auto tell = std::exchange(done, nullptr);
    if (!tell) return;
    disarm();
    std::vector<server> all;
    for (auto& [address, each] : servers) all.push_back(std::move(each));
    tell(std::move(all));
    auto& looks = of->looks_;
    const auto own = std::find_if(looks.begin(), looks.end(), [this](auto& l) { return l.get() == this; });
    // Whoever called may still be in it.
    of->home_.defer([kept = std::move(*own)] {});
    looks.erase(own);
  }
  void expired() override { finish(); }
};

void redis_backplane::look(milliseconds patience, std::function<void(std::vector<server>)> done) {
  auto* back = runtime::loop::current();
  home_.post([this, patience, back, done = std::move(done)]() mutable {
    auto all = std::make_shared<looking>();
    all->of = this;
    looks_.push_back(all);
    all->done = [back, done = std::move(done)](std::vector<server> got) {
      back->post([done, got = std::move(got)] { done(got); });
    };
    home_.arm(*all, home_.now() + patience);
    const auto ask = [all](partition& p, const char* section, std::string server::*to) {
      ++all->left;
      p.ask_server(section, [all, to, at = p.server()](std::string text) {
        if (!all->done) return; // too late
        all->servers[at].*to = std::move(text);
        all->one();
      });
    };
    for (const auto& each : partitions_) {
      const auto address = each->server();
      const auto [at, is_new] = all->servers.try_emplace(address);
      auto& s = at->second;
      s.address = address;
      ++s.partitions;
      const auto now = each->measure();
      s.lease_age = std::max(s.lease_age, now.lease_age);
      s.inbox += now.inbox;
      s.pending += now.pending;
      if (auto how = each->check(); !how.ready && s.ready) {
        s.ready = false;
        s.message = how.message;
      }
      if (!is_new || address.empty()) continue;
      ask(*each, "memory", &server::memory);
      ask(*each, "commandstats", &server::commands);
    }
    all->one();
  });
}

void redis_backplane::sync(answer<nothing> done) {
  const auto left = std::make_shared<std::size_t>(partitions_.size());
  const auto one = [left, done = std::move(done)](const outcome<nothing>& how) {
    if (--*left == 0 && done) done(how);
  };
  const auto ask = [this, one] {
    for (auto& each : partitions_) each->ask({"", {}, {}, sync_step{one}});
  };
  if (home_.here())
    ask();
  else
    home_.post(ask);
}

void redis_backplane::farewell(const std::function<void()>& done) {
  const auto left = std::make_shared<std::size_t>(partitions_.size());
  for (auto& each : partitions_)
    each->farewell([left, done] {
      if (--*left == 0) done();
    });
}

void redis_backplane::cut() {
  for (auto& each : partitions_) each->cut();
}

} // namespace plexus::backplane::redis
