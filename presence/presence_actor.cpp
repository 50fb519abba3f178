#include "presence/presence_actor.hpp"

#include "actors/runtime/log.hpp"
#include "actors/runtime/metrics.hpp"

namespace plexus::presence {

namespace {
const runtime::metrics::counter failed_calls{"plexus_presence_failures_total",
                                             "Presence calls that the backplane could not answer."};
}

struct presence_actor::grace_timer final : runtime::timer {
  grace_timer(presence_actor& of, std::string who) : owner(of), client(std::move(who)) {}
  void expired() override {
    auto name = std::move(client);
    auto& self = owner;
    self.leaving_.erase(name); // destroys this timer
    self.leave_now(name);
  }
  presence_actor& owner;
  std::string client;
};

struct presence_actor::load_timer final : runtime::timer {
  explicit load_timer(presence_actor& of) : owner(of) {}
  void expired() override { owner.load(); }
  presence_actor& owner;
};

presence_actor::presence_actor(caf::actor_config& config, runtime::loop& home, std::string channel,
                               backplane::backplane& plane, std::chrono::milliseconds grace,
                               std::shared_ptr<observer*> watcher) :
    runtime::pinned_actor(config, home, "presence"),
    channel_(std::move(channel)),
    plane_(plane),
    grace_(grace),
    watcher_(std::move(watcher)),
    load_again_(std::make_unique<load_timer>(*this)) {}

presence_actor::~presence_actor() = default;

caf::behavior presence_actor::make_behavior() {
  load();
  return {
      [this](presence::enter& m) {
        ++handled_;
        leaving_.erase(m.who.client);
        in_order([this, who = std::move(m.who)] { plane_.enter(channel_, who, begin_call({})); });
      },
      [this](presence::leave& m) { on_leave(m); },
      [this](presence::update& m) { on_update(m); },
      [this](presence::query& m) {
        ask([this, done = std::move(m.done)] {
          if (members_.known())
            done(&members_);
          else
            done(protocol::error_code::internal);
        });
      },
      [this](const set_grace& m) { grace_ = m.grace; },
  };
}

void presence_actor::on_exit() {
  ended_ = true;
  load_again_->disarm();
  leaving_.clear();
  waiting_.clear();
  if (failed() && *watcher_) (*watcher_)->presence_failed();
}

// Every call is counted, so that a question waits for the answers to all calls made before it: answers about one
// channel come in the order of the calls.
presence_actor::change_answer presence_actor::begin_call(std::function<void(bool)> then) {
  ++started_;
  return [self = caf::strong_actor_ptr{ctrl()}, this, then = std::move(then)](auto change) {
    if (ended_) return;
    if (change)
      on_change(*change);
    else
      failed_calls.add();
    if (then) then(change.ok());
    finish_call();
  };
}

void presence_actor::finish_call() {
  ++finished_;
  release();
}

// A snapshot under way isn't counted, since one of a large set may come later than what was asked after it; nothing
// is shown before it is in.
void presence_actor::release() {
  while (!loading_ && !waiting_.empty() && waiting_.front().first <= finished_) {
    auto ready = std::move(waiting_.front().second);
    waiting_.pop_front();
    ready();
  }
  settle();
}

void presence_actor::ask(std::function<void()> then) {
  if (!loading_ && waiting_.empty() && started_ == finished_) {
    then();
    settle();
  } else {
    waiting_.emplace_back(started_, std::move(then));
  }
}

// Behind updates that wait for an answer: a leave must not overtake one, or it would enter its client again.
void presence_actor::in_order(std::function<void()> call) {
  if (waiting_.empty())
    call();
  else
    waiting_.emplace_back(waiting_.back().first, std::move(call));
}

void presence_actor::on_update(update& m) {
  // An `enter` still on its way counts too, so this waits as a question does.
  ask([this, client = std::move(m.client), info = std::move(m.channel_info), then = std::move(m.done)]() mutable {
    if (!members_.known()) {
      then(protocol::error_code::internal);
      return;
    }
    auto* known = members_.find(client);
    if (!known) {
      then(protocol::error_code::permission_denied);
      return;
    }
    auto who = *known;
    who.channel_info = std::move(info);
    plane_.enter(channel_, std::move(who), begin_call([then = std::move(then)](bool ok) {
                   if (ok)
                     then(backplane::nothing{});
                   else
                     then(protocol::error_code::internal);
                 }));
  });
}

void presence_actor::on_leave(const presence::leave& m) {
  ++handled_;
  const auto& client = m.client;
  const auto grace = std::max(grace_, m.least_grace);
  if (m.clean || grace.count() == 0) {
    leaving_.erase(client);
    leave_now(client);
    return;
  }
  auto& timer = leaving_[client];
  timer = std::make_unique<grace_timer>(*this, client);
  home().arm(*timer, home().now() + grace);
}

void presence_actor::leave_now(const std::string& client) {
  in_order([this, client] { plane_.leave(channel_, client, begin_call({})); });
}

void presence_actor::on_change(const backplane::presence_change& change) {
  // Also a change that is none says which version the set has: a later one than is known here shows a hole.
  switch (members_.apply(change)) {
  case member_set::applied::yes:
    if (change.what != backplane::presence_change::kind::none) announce(change);
    break;
  case member_set::applied::old:
    break;
  case member_set::applied::gap:
    load();
    break;
  }
}

void presence_actor::changed_elsewhere(const backplane::presence_change& change) {
  if (!ended_) on_change(change);
}

void presence_actor::announce(const backplane::presence_change& change) {
  if (!*watcher_) return;
  if (change.what == backplane::presence_change::kind::left)
    (*watcher_)->left(change.member);
  else
    (*watcher_)->joined(change.member);
}

void presence_actor::load() {
  if (loading_) {
    load_again_wanted_ = true;
    return;
  }
  if (ended_) return;
  loading_ = true;
  plane_.members(channel_, [self = caf::strong_actor_ptr{ctrl()}, this](auto snapshot) {
    if (ended_) return;
    loading_ = false;
    if (snapshot) {
      // Subscribers are told the difference: a snapshot repairs this node's view, not theirs. The first one is no
      // news.
      auto first = !members_.known();
      for (auto& change : members_.reset(*snapshot))
        if (!first) announce(change);
      if (members_.behind() || std::exchange(load_again_wanted_, false)) load();
    } else {
      constexpr std::chrono::milliseconds pause{500};
      failed_calls.add();
      home().arm(*load_again_, home().now() + pause);
    }
    release();
  });
}

void presence_actor::settle() {
  if (*watcher_ && waiting_.empty() && started_ == finished_ && leaving_.empty()) (*watcher_)->settled(handled_);
}

} // namespace plexus::presence
