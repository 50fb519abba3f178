#include "actors/channel/channel.hpp"

#include "actors/extension/metrics.hpp"
#include "actors/runtime/metrics.hpp"
#include "actors/runtime/trace.hpp"

namespace plexus::channel {

namespace {
const runtime::metrics::counter over_rate{"plexus_publications_rate_limited_total",
                                          "Publications refused: over the channel's publications_per_second."};
const runtime::metrics::counter recoveries{"plexus_recoveries_total",
                                           "Subscriptions that asked for what they missed.",
                                           "result",
                                           {"recovered", "unrecoverable"}};
const runtime::metrics::counter lost{"plexus_channels_lost_total",
                                     "Times that a channel's subscribers were told to subscribe again (2500)."};
} // namespace

channel::channel(std::shared_ptr<const std::string> name, const config::channel_options& options, unsigned loops,
                 backplane::backplane& plane, channel_port& port) :
    name_(std::move(name)), options_(options), plane_(plane), port_(port), on_loop_(loops, 0) {}

backplane::retention channel::keep() const noexcept {
  return {options_.history_size, options_.history_ttl};
}

bool channel::has_presence() const noexcept {
  return options_.presence || options_.join_leave != config::offer::no;
}

void channel::on_subscribe(subscribe m) {
  port_.in_use();
  if (options_.max_subscribers > 0 && total_ + joining_.size() + waiting_.size() >= options_.max_subscribers) {
    m.done(protocol::error_code::limit_exceeded);
    check_idle();
    return;
  }
  if (occupancy_ == occupancy::held) {
    begin(std::move(m));
    return;
  }
  waiting_.push_back(std::move(m));
  if (occupancy_ == occupancy::none) occupy();
}

void channel::occupy() {
  occupancy_ = occupancy::asked;
  plane_.subscribe(*name_, keep(), [weak = weak_from_this()](outcome<protocol::position> at) {
    auto self = weak.lock();
    if (!self) return;
    if (at) {
      self->occupancy_ = occupancy::held;
      self->top_ = *at;
      // Who came and went while the channel was lost here was not told of.
      if (self->has_members_) self->port_.presence_in_doubt();
      // What came between the loss and this is in nobody's hands here.
      auto& b = self->bridge_;
      if (b && at->offset != b->from.offset + b->since.size()) b.reset();
    } else {
      self->occupancy_ = occupancy::none;
    }
    auto waiting = std::exchange(self->waiting_, {});
    for (auto& m : waiting) {
      if (at)
        self->begin(std::move(m));
      else
        m.done(at.error());
    }
    self->check_idle();
  });
}

void channel::begin(subscribe m) {
  if (has_actor()) {
    ask_to_join(std::move(m));
    return;
  }
  auto offered = options_.has_history() ? options_.recover : config::offer::no;
  subscribed result;
  result.recoverable = offered == config::offer::always || (offered == config::offer::asked && m.wants_position);
  result.positioned = result.recoverable;
  result.was_recovering = m.wants_recovery;
  result.kind = kind_of(m);
  if (offered != config::offer::no && m.wants_recovery && m.since) {
    if (cross(m)) return;
    joining_.push_back({std::move(m), {}, false, false, {}, {}});
    recover(std::prev(joining_.end()));
    return;
  }
  if (result.positioned) result.at = top_;
  enter(m, std::move(result));
}

// True when the subscriber came from where the epoch changed and has its answer.
bool channel::cross(subscribe& m) {
  if (!bridge_ || *m.since != bridge_->from || bridge_->epoch != top_.epoch) return false;
  const auto missed = top_.offset - m.since->offset;
  if (missed != bridge_->since.size() || missed > m.max_recovered) return false;
  subscribed result;
  if (!claim_recovery(m.room.get(), bridge_->since, {}, result.owed)) return false;
  recoveries.add();
  result.recoverable = result.positioned = result.was_recovering = result.recovered = true;
  result.kind = kind_of(m);
  result.at = {top_.epoch, m.since->offset};
  result.publications = bridge_->since;
  enter(m, std::move(result));
  return true;
}

void channel::recover(std::list<joiner>::iterator who) {
  plane_.recover(*name_, keep(), *who->request.since, who->request.max_recovered,
                 [weak = weak_from_this(), who, client = who->request.who.client](auto answer) {
                   auto self = weak.lock();
                   if (!self) return;
                   // The client may have left meanwhile; then its place in the list is gone.
                   for (auto i = self->joining_.begin(); i != self->joining_.end(); ++i)
                     if (i == who && i->request.who.client == client) {
                       self->on_recovery(i, std::move(answer));
                       return;
                     }
                 });
}

void channel::on_recovery(std::list<joiner>::iterator who, outcome<backplane::recovery> answer) {
  if (answer && answer->top.epoch == top_.epoch && answer->top.offset > top_.offset) {
    // The log is ahead of what was emitted here: a hole is being filled, and what fills it goes to everybody. The
    // joiner must not have it before.
    on_in_doubt();
    who->meanwhile.clear();
    recover(who);
    return;
  }
  auto m = std::move(who->request);
  auto meanwhile = std::move(who->meanwhile);
  const bool admitted = who->admitted;
  auto data = std::move(who->data);
  joining_.erase(who);
  if (!answer) {
    if (admitted) tell_gone(m.who, false, plexus::end_reason::unsubscribed);
    m.done(answer.error());
    check_idle();
    return;
  }
  subscribed result;
  // One that didn't ask for it gets the little that came while its actor was asked.
  if (answer->recovered && m.wants_recovery &&
      !claim_recovery(m.room.get(), answer->publications, meanwhile, result.owed)) {
    answer->recovered = false;
    answer->publications.clear();
  }
  if (m.wants_recovery) recoveries.add(1, answer->recovered ? 0 : 1);
  if (!answer->recovered && m.refuse_unrecoverable) {
    if (admitted) tell_gone(m.who, true, plexus::end_reason::unsubscribed);
    m.done(protocol::error_code::unrecoverable_position);
    check_idle();
    return;
  }
  result.recoverable = result.positioned = true;
  // One that didn't ask for it goes on from where its actor's reply was made.
  result.was_recovering = m.wants_recovery;
  result.recovered = answer->recovered && m.wants_recovery;
  result.kind = kind_of(m);
  result.data = std::move(data);
  if (answer->recovered) {
    result.at = {answer->top.epoch, m.since->offset};
    result.publications = std::move(answer->publications);
    // Recovery and live delivery meet without a seam: what was emitted while the log was read and is not in the
    // answer goes behind it.
    for (auto& p : meanwhile)
      if (p->offset > answer->top.offset) result.publications.push_back(std::move(p));
  } else {
    result.at = answer->top;
    for (auto& p : meanwhile)
      if (p->offset > answer->top.offset) result.at.offset = p->offset;
  }
  enter(m, std::move(result));
}

subscriber_kind channel::kind_of(const subscribe& m) const noexcept {
  subscriber_kind kind;
  kind.join_leave = options_.join_leave == config::offer::always ||
                    (options_.join_leave == config::offer::asked && m.wants_join_leave);
  kind.delta = options_.delta && m.wants_delta;
  kind.latest = options_.on_slow == config::slow_policy::latest;
  return kind;
}

void channel::enter(subscribe& m, subscribed result) {
  has_deltas_ = has_deltas_ || result.kind.delta;
  entered_.emplace(m.who.client, m.loop);
  ++on_loop_[m.loop];
  ++total_;
  if (runtime::trace::on()) trace_enter(m.who, result);
  m.done(std::move(result));
  if (has_presence()) {
    has_members_ = true;
    port_.presence_enter(m.who);
  }
}

void channel::on_unsubscribe(const unsubscribe& m) {
  auto drop = [&](auto& list, auto client_of) {
    for (auto i = list.begin(); i != list.end(); ++i)
      if (client_of(*i) == m.client) {
        list.erase(i);
        return true;
      }
    return false;
  };
  for (const auto& j : joining_)
    if (j.asked && j.request.who.client == m.client) {
      tell_gone(j.request.who, m.clean, plexus::end_reason::unsubscribed);
      break;
    }
  if (drop(
          waiting_, [](auto& s) -> auto& { return s.who.client; }) ||
      drop(
          joining_, [](auto& j) -> auto& { return j.request.who.client; })) {
    check_idle();
    return;
  }
  // By identity: one that was refused, or lost with a dissolved channel, was not counted.
  if (auto found = entered_.find(m.client); m.counted && found != entered_.end()) {
    --on_loop_[found->second];
    --total_;
    entered_.erase(found);
  }
  if (has_actor())
    tell_gone({{}, m.client, {}, {}}, m.clean && m.counted,
              m.disconnected ? plexus::end_reason::disconnected : plexus::end_reason::unsubscribed);
  // Whatever the options say today: who entered before a reload must be able to leave.
  if (has_presence() || has_members_) {
    has_members_ = true;
    port_.presence_leave(m.client, m.clean, !m.counted);
  }
  check_idle();
}

void channel::on_publish(publish m) {
  auto per_second = options_.publications_per_second;
  if (!publications_.take({per_second, per_second}, m.accepted)) {
    over_rate.add();
    if (runtime::trace::on()) trace_decision("refused", m.what.info.get(), "over publications_per_second", 111);
    m.done(protocol::error_code::too_many_requests);
    check_idle();
    return;
  }
  port_.in_use();
  ++under_way_;
  if (has_actor()) {
    publish_by_actor(std::move(m));
    return;
  }
  m.what.replicated = options_.durability == config::durability::replicated;
  plane_.append(*name_, keep(), std::move(m.what),
                [weak = weak_from_this(), accepted = m.accepted, done = std::move(m.done)](auto answer) {
                  auto self = weak.lock();
                  if (!self) {
                    done(std::move(answer));
                    return;
                  }
                  --self->under_way_;
                  if (runtime::trace::on()) self->trace_append(answer);
                  if (answer) {
                    (answer->duplicate ? extension::count::duplicates : extension::count::publications).add();
                    // Of another log than the one shown here: the backplane has this channel in doubt already.
                    const auto& epoch = answer->at.epoch;
                    // The channel was given a history under its subscribers: its log begins with this.
                    if (self->top_.epoch.empty() && !epoch.empty() && !answer->duplicate)
                      self->top_ = {epoch, answer->at.offset - 1};
                    const bool foreign =
                        self->occupancy_ == occupancy::held && !epoch.empty() && epoch != self->top_.epoch;
                    if (!answer->duplicate && !foreign) self->emit(answer->publication, accepted);
                  }
                  done(std::move(answer));
                  self->check_idle();
                });
}

void channel::on_published_elsewhere(const protocol::publication_ptr& what) {
  if (runtime::trace::on())
    trace_decision("heard", what->info.get(), "appended through another node", what->offset);
  emit(what, steady_clock::now());
}

// Own answers and other nodes' entries meet here: what was emitted already falls away, and a hole is read from the
// log before anything behind it is shown.
void channel::emit(const protocol::publication_ptr& what, steady_clock::time_point accepted) {
  if (what->offset != 0 && occupancy_ == occupancy::held) {
    if (what->offset <= top_.offset) return;
    if (what->offset > top_.offset + 1 || filling_) {
      if (behind_.size() < options_.history_size)
        behind_.push_back(what);
      else
        again_ = true;
      if (!filling_) on_in_doubt();
      return;
    }
    top_.offset = what->offset;
    for (auto& j : joining_) j.meanwhile.push_back(what);
    if (bridge_) {
      if (bridge_->since.size() < options_.history_size)
        bridge_->since.push_back(what);
      else
        bridge_.reset();
    }
  }
  traffic_.count(what->data.size(), accepted);
  if (total_ == 0) {
    last_.reset();
    has_deltas_ = false;
  } else if (has_deltas_) {
    auto before = std::exchange(last_, options_.delta ? what : nullptr);
    if (!options_.delta) before.reset();
    fan_out(std::make_shared<const protocol::broadcast>(name_, protocol::publication_push{what}, std::move(before),
                                                        accepted));
  } else {
    fan_out(std::make_shared<const protocol::broadcast>(name_, protocol::publication_push{what}, accepted));
  }
}

void channel::fan_out(const protocol::broadcast_ptr& what) {
  for (unsigned i = 0; i < on_loop_.size(); ++i)
    if (on_loop_[i] > 0) port_.fan_out_to(i, what);
}

void channel::announce(protocol::push what) {
  if (options_.join_leave == config::offer::no || total_ == 0) return;
  fan_out(std::make_shared<const protocol::broadcast>(name_, std::move(what), steady_clock::now()));
}

void channel::on_in_doubt() {
  if (occupancy_ != occupancy::held) return;
  if (!options_.has_history()) return lose_all(); // nothing to fill it from
  if (std::exchange(filling_, true)) {
    again_ = true;
    return;
  }
  plane_.recover(*name_, keep(), top_, options_.history_size, [weak = weak_from_this()](auto answer) {
    if (auto self = weak.lock()) self->on_filled(std::move(answer));
  });
}

void channel::on_filled(outcome<backplane::recovery> answer) {
  filling_ = false;
  if (!answer) { // the backplane is away: nobody is sent away before it is known what was missed
    port_.doubt_later();
    return;
  }
  // Another epoch: the log lives on in a new generation. Clients learn its name by subscribing again.
  if (!answer->recovered || answer->top.epoch != top_.epoch) {
    auto lived_on = answer->recovered
                        ? std::optional<bridge>(bridge{top_, answer->top.epoch, std::move(answer->publications)})
                        : std::nullopt;
    lose_all();
    bridge_ = std::move(lived_on);
    return;
  }
  for (auto& p : answer->publications) emit(p, steady_clock::now());
  // What the log had is emitted and falls away here; what came after it was read goes behind it.
  auto behind = std::exchange(behind_, {});
  for (auto& p : behind) emit(p, steady_clock::now());
  if (std::exchange(again_, false)) on_in_doubt();
}

void channel::lose_all() {
  lost.add();
  behind_.clear();
  again_ = false;
  bridge_.reset();
  // Who was joining by the lost log comes again.
  auto joining = std::exchange(joining_, {});
  for (auto& j : joining) {
    if (j.asked) tell_gone(j.request.who, false, plexus::end_reason::unsubscribed);
    j.request.done(protocol::error_code::internal);
  }
  for (unsigned i = 0; i < on_loop_.size(); ++i)
    if (std::exchange(on_loop_[i], 0) > 0) port_.dissolve_on(i);
  total_ = 0;
  entered_.clear();
  close();
  check_idle();
}

void channel::on_history(read_history m) {
  ++under_way_;
  plane_.history(*name_, keep(), m.what, [weak = weak_from_this(), done = std::move(m.done)](auto page) {
    done(std::move(page));
    if (auto self = weak.lock()) {
      --self->under_way_;
      self->check_idle();
    }
  });
}

void channel::on_remove_history(remove_history m) {
  ++under_way_;
  plane_.remove_history(*name_, [weak = weak_from_this(), done = std::move(m.done)](auto answer) {
    done(std::move(answer));
    if (auto self = weak.lock()) {
      --self->under_way_;
      self->check_idle();
    }
  });
}

bool channel::is_idle() const noexcept {
  return total_ == 0 && under_way_ == 0 && waiting_.empty() && joining_.empty() && !has_members_;
}

void channel::check_idle() {
  if (is_idle()) port_.idle();
}

void channel::presence_settled() {
  if (total_ > 0) return;
  has_members_ = false;
  check_idle();
}

void channel::close() {
  if (occupancy_ != occupancy::none) plane_.unsubscribe(*name_);
  occupancy_ = occupancy::none;
}

} // namespace plexus::channel
