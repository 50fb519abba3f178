#include "backplane/memory_backplane.hpp"

#include <algorithm>
#include <utility>

namespace plexus::backplane {

using step = memory_store::step;

namespace {

/// All that is about notices and messages goes through one loop, so that it stays in order.
const std::string nodes_home;

void tell_all(const std::vector<memory_node_ptr>& nodes, const notice& now) {
  for (const auto& node : nodes)
    node->run(nodes_home, [node, now] {
      if (!node->gone) node->to->noticed(now);
    });
}

} // namespace

memory_backplane::memory_backplane(std::shared_ptr<memory_store> store, std::string uid, listener& to, executor run,
                                   clock_function clock, std::string name) :
    store_(std::move(store)),
    self_(std::make_shared<memory_node>(peer{uid, name.empty() ? uid : std::move(name)}, &to, std::move(run))),
    clock_(std::move(clock)) {
  store_->with_notices([this](const memory_notices& notices, std::vector<memory_node_ptr>& nodes) {
    nodes.push_back(self_);
    self_->run(nodes_home, [self = self_, all = notices.all(clock_())] {
      if (!self->gone) self->to->notices_are(all);
    });
  });
}

memory_backplane::~memory_backplane() {
  self_->gone = true;
  store_->with_notices([this](const auto&, std::vector<memory_node_ptr>& nodes) { std::erase(nodes, self_); });
  store_->each(clock_, [this](const std::string& name, memory_channel& channel, milliseconds now) {
    if (std::erase(channel.occupants, self_) > 0) channel.log.touch(now);
    if (!channel.presence) return;
    for (auto& change : channel.presence->leave_all(self_.get())) {
      change.epoch = channel.log.epoch();
      tell_others(name, channel, change);
    }
  });
}

template <class T>
void memory_backplane::reply(const std::string& channel, answer<T> done, outcome<T> what) const {
  if (!done) return;
  self_->run(channel, [done = std::move(done), what = std::move(what)]() mutable { done(std::move(what)); });
}

void memory_backplane::tell_others(const std::string& channel, const memory_channel& where,
                                   const publication_ptr& what) const {
  for (const auto& node : where.occupants) {
    if (node == self_) continue;
    node->run(channel, [node, channel, what] {
      if (!node->gone) node->to->published(channel, what);
    });
  }
}

void memory_backplane::tell_others(const std::string& channel, const memory_channel& where,
                                   const presence_change& what) const {
  if (what.what == presence_change::kind::none) return;
  for (const auto& node : where.occupants) {
    if (node == self_) continue;
    node->run(channel, [node, channel, what] {
      if (!node->gone) node->to->presence_changed(channel, what);
    });
  }
}

void memory_backplane::append(const std::string& channel, const retention& keep, draft what,
                              answer<appended> done) {
  step at(*store_, channel, clock_);
  auto& here = at.open();
  auto made = here.log.append(std::move(what), keep, at.now());
  if (!made.duplicate) tell_others(channel, here, made.publication);
  reply<appended>(channel, std::move(done), std::move(made));
}

void memory_backplane::find_key(const std::string& channel, const std::string& key,
                                answer<std::optional<position>> done) {
  step at(*store_, channel, clock_);
  std::optional<position> found;
  if (auto* here = at.find()) found = here->log.find_key(key, at.now());
  reply<std::optional<position>>(channel, std::move(done), std::move(found));
}

void memory_backplane::subscribe(const std::string& channel, const retention& keep, answer<position> done) {
  step at(*store_, channel, clock_);
  auto& here = at.open();
  if (std::find(here.occupants.begin(), here.occupants.end(), self_) == here.occupants.end())
    here.occupants.push_back(self_);
  if (!keep.logs()) return reply<position>(channel, std::move(done), position{});
  here.log.touch(keep.ttl, at.now());
  reply<position>(channel, std::move(done), here.log.top());
}

void memory_backplane::unsubscribe(const std::string& channel) {
  step at(*store_, channel, clock_);
  auto* here = at.find();
  if (here && std::erase(here->occupants, self_) > 0) here->log.touch(at.now());
}

void memory_backplane::recover(const std::string& channel, const retention& keep, const position& since,
                               std::size_t max, answer<recovery> done) {
  step at(*store_, channel, clock_);
  if (!keep.logs()) return reply<recovery>(channel, std::move(done), recovery{});
  auto& log = at.open().log;
  log.look(keep.ttl, at.now());
  reply<recovery>(channel, std::move(done), log.recover(since, max, at.now()));
}

void memory_backplane::history(const std::string& channel, const retention& keep, const log_query& what,
                               answer<log_page> done) {
  step at(*store_, channel, clock_);
  if (!keep.logs()) {
    const bool foreign = what.since && !what.since->epoch.empty();
    if (foreign) return reply<log_page>(channel, std::move(done), error_code::unrecoverable_position);
    return reply<log_page>(channel, std::move(done), log_page{});
  }
  auto& log = at.open().log;
  log.look(keep.ttl, at.now());
  reply<log_page>(channel, std::move(done), log.history(what, at.now()));
}

void memory_backplane::remove_history(const std::string& channel, answer<nothing> done) {
  step at(*store_, channel, clock_);
  if (auto* here = at.find()) here->log.remove_history();
  reply<nothing>(channel, std::move(done), nothing{});
}

void memory_backplane::enter(const std::string& channel, client_info who, answer<presence_change> done) {
  step at(*store_, channel, clock_);
  auto& here = at.open();
  if (!here.presence) here.presence = std::make_unique<memory_presence>();
  auto change = here.presence->enter(std::move(who), self_.get());
  change.epoch = here.log.epoch();
  tell_others(channel, here, change);
  reply<presence_change>(channel, std::move(done), std::move(change));
}

void memory_backplane::leave(const std::string& channel, const std::string& client, answer<presence_change> done) {
  step at(*store_, channel, clock_);
  presence_change change;
  if (auto* here = at.find()) {
    if (here->presence) change = here->presence->leave(client);
    change.epoch = here->log.epoch();
    tell_others(channel, *here, change);
  }
  reply<presence_change>(channel, std::move(done), std::move(change));
}

void memory_backplane::members(const std::string& channel, answer<presence_snapshot> done) {
  step at(*store_, channel, clock_);
  presence_snapshot all;
  if (auto* here = at.find()) {
    if (here->presence) all = here->presence->snapshot();
    all.epoch = here->log.epoch();
  }
  reply<presence_snapshot>(channel, std::move(done), std::move(all));
}

void memory_backplane::acquire_lease(const std::string& name, const std::string& holder, milliseconds ttl,
                                     answer<lease> done) {
  store_->with_leases([&](memory_leases& leases) {
    reply<lease>(name, std::move(done), leases.acquire(name, holder, ttl, clock_()));
  });
}

void memory_backplane::release_lease(const std::string& name, const std::string& holder, answer<nothing> done) {
  store_->with_leases([&](memory_leases& leases) {
    leases.release(name, holder);
    reply<nothing>(name, std::move(done), nothing{});
  });
}

void memory_backplane::claim_actor(const std::string& channel, const std::string& holder, milliseconds ttl,
                                   answer<actor_claim> done) {
  store_->with_actors([&](memory_actors& actors, memory_leases& leases) {
    const auto now = clock_();
    actor_claim out;
    out.right = leases.acquire(channel, holder, ttl, now);
    if (out.right.granted) {
      const auto& kept = actors.claim(channel, now);
      out.sequence = kept.sequence;
      out.snapshot = kept.snapshot;
      out.log = kept.log;
    }
    reply<actor_claim>(channel, std::move(done), std::move(out));
  });
}

void memory_backplane::write_actor(const std::string& channel, const retention& keep, actor_write what,
                                   answer<actor_written> done) {
  store_->with_actors([&](memory_actors& actors, memory_leases& leases) {
    actor_written out;
    const auto time = clock_();
    if (!actors.fits(channel, what) || !leases.extend(channel, what.holder, what.token, what.ttl, time)) {
      out.refused = true;
      return reply<actor_written>(channel, std::move(done), std::move(out));
    }
    actors.write(channel, what, time);
    if (what.release) leases.release(channel, what.holder);
    if (!what.publications.empty()) {
      step at(*store_, channel, clock_);
      auto& here = at.open();
      for (auto& each : what.publications) {
        auto made = here.log.append(std::move(each), keep, at.now());
        out.at.push_back(made.at);
        if (made.duplicate) continue;
        tell_others(channel, here, made.publication);
        if (std::find(here.occupants.begin(), here.occupants.end(), self_) == here.occupants.end()) continue;
        self_->run(channel, [node = self_, channel, what = made.publication] {
          if (!node->gone) node->to->published(channel, what);
        });
      }
    }
    reply<actor_written>(channel, std::move(done), std::move(out));
  });
}

void memory_backplane::abandoned_actors(std::size_t most, answer<std::vector<std::string>> done) {
  store_->with_actors([&](memory_actors& actors, memory_leases& leases) {
    std::vector<std::string> out;
    const auto now = clock_();
    for (auto& each : actors.owned(now))
      if (out.size() < most && !leases.taken(each, now)) out.push_back(std::move(each));
    reply<std::vector<std::string>>({}, std::move(done), std::move(out));
  });
}

void memory_backplane::put_notice(notice what, answer<nothing> done) {
  if (what.key.empty() || what.key.size() > max_notice_key)
    return reply<nothing>(nodes_home, std::move(done), error_code::bad_request);
  store_->with_notices([&](memory_notices& notices, const std::vector<memory_node_ptr>& nodes) {
    const auto put = notices.put(what, clock_());
    if (put && put->until > milliseconds{0}) tell_all(nodes, *put);
    // Under the lock, so that the answer stands behind the news.
    reply<nothing>(nodes_home, std::move(done),
                   put ? outcome<nothing>(nothing{}) : outcome<nothing>(error_code::limit_exceeded));
  });
}

void memory_backplane::drop_notice(const std::string& key, answer<nothing> done) {
  store_->with_notices([&](memory_notices& notices, const std::vector<memory_node_ptr>& nodes) {
    if (notices.drop(key)) tell_all(nodes, {key, 0, milliseconds{0}});
    reply<nothing>(nodes_home, std::move(done), nothing{});
  });
}

void memory_backplane::peers(answer<std::vector<peer>> done) {
  std::vector<peer> all;
  store_->with_notices([&](const auto&, const std::vector<memory_node_ptr>& nodes) {
    for (const auto& node : nodes) all.push_back(node->self);
  });
  reply<std::vector<peer>>(nodes_home, std::move(done), std::move(all));
}

void memory_backplane::send(const std::string& to, std::string bytes, answer<nothing> done) {
  if (to == uid()) return reply<nothing>(nodes_home, std::move(done), error_code::bad_request);
  if (bytes.size() > max_message) return reply<nothing>(nodes_home, std::move(done), error_code::limit_exceeded);
  bool sent = to.empty();
  // Under the lock, so that the messages of one node stay in order.
  store_->with_notices([&, what = std::make_shared<const std::string>(std::move(bytes))](
                           const auto&, const std::vector<memory_node_ptr>& nodes) {
    for (const auto& node : nodes) {
      if (node == self_ || (!to.empty() && node->self.uid != to)) continue;
      sent = true;
      node->run(nodes_home, [node, from = uid(), what] {
        if (!node->gone) node->to->received(from, *what);
      });
    }
  });
  reply<nothing>(nodes_home, std::move(done),
                 sent ? outcome<nothing>(nothing{}) : outcome<nothing>(error_code::internal));
}

void memory_backplane::tick() {
  store_->sweep(clock_());
}

} // namespace plexus::backplane
