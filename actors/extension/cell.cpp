#include "actors/extension/cell.hpp"

#include "actors/extension/metrics.hpp"
#include "actors/runtime/log.hpp"

#include <algorithm>

namespace plexus::extension {

using backplane::actor_write;
using protocol::position;
namespace log = runtime::log;

namespace {

constexpr std::chrono::seconds warn_every{1};

double seconds(runtime::loop::clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

actor_write::mode mode_of(const commit& what) {
  if (what.finished && what.facts.empty()) return actor_write::mode::drop;
  if (what.facts.empty()) return actor_write::mode::nothing;
  return what.snapshot ? actor_write::mode::snapshot : actor_write::mode::add;
}

std::vector<backplane::draft> drafts(std::vector<commit::publication>& from, const config::channel_options& options,
                                     milliseconds key_life, milliseconds doubt) {
  std::vector<backplane::draft> out;
  out.reserve(from.size());
  for (auto& each : from) {
    backplane::draft d;
    d.data = std::move(each.data);
    d.binary = each.binary;
    d.tags = std::move(each.tags);
    d.skip_history = !each.keep;
    d.idempotency_key = std::move(each.key);
    d.idempotency_ttl = each.own_key ? doubt : key_life;
    d.replicated = options.durability == config::durability::replicated;
    if (each.from)
      d.info = std::make_shared<const protocol::client_info>(
          protocol::client_info{each.from->user, each.from->client, each.from->info, each.channel_info});
    out.push_back(std::move(d));
  }
  return out;
}

} // namespace

time_point unix_now() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

struct cell::alarm final : runtime::timer {
  explicit alarm(cell& of) : owner(of) {}
  void expired() override {
    const auto alive = owner.shared_from_this();
    alive->on_alarm();
  }
  cell& owner;
};

cell::cell(cell_setup with, const config::channel_options& options, runtime::loop& home,
           backplane::backplane& plane, cell_port& port) :
    with_(std::move(with)),
    options_(options),
    home_(home),
    plane_(plane),
    port_(port),
    alarm_(std::make_unique<alarm>(*this)) {
  count::cells.add(1);
}

cell::~cell() {
  count::cells.add(-1);
}

limits cell::limits_now() const {
  limits out;
  out.max_state = options_.max_actor_state == 0 ? SIZE_MAX : options_.max_actor_state;
  out.grace = options_.presence_grace;
  out.key_life = with_.key_life;
  out.answer_life = std::max(out.answer_life, 2 * with_.patience);
  return out;
}

void cell::set_options(const config::channel_options& options) {
  options_ = options;
  if (actor_) actor_->set_limits(limits_now());
}

// -- beginning

void cell::begin() {
  plane_.claim_actor(with_.channel, with_.self, with_.lease,
                     [weak = weak_from_this(), asked = clock::now()](auto got) {
                       if (const auto self = weak.lock()) self->on_claimed(asked, std::move(got));
                     });
}

void cell::on_claimed(clock::time_point asked, backplane::outcome<backplane::actor_claim> got) {
  if (phase_ != phase::claiming) return;
  if (!got) return finish(cell_end::lost);
  if (!got->right.granted) return finish(cell_end::elsewhere, got->right.holder);
  token_ = got->right.token;
  sequence_ = got->sequence;
  lease_end_ = asked + with_.lease;
  renew_at_ = asked + with_.lease / 3;
  actor_ = std::make_unique<instance>(with_.channel, with_.make, limits_now(), static_cast<monitor&>(*this));
  actor_->set_native_loop(static_cast<caf::execution_unit*>(&home_));
  try {
    actor_->restore(got->snapshot, got->log);
  } catch (const std::exception& e) {
    count::failures.add();
    log::error("actor", "what was kept of a channel actor can't be read",
               {{"actor", with_.actor_name}, {"channel", with_.channel}, {"error", e.what()}});
    actor_.reset();
    // Somebody with a plugin that can read it may have the channel.
    actor_write back;
    back.holder = with_.self;
    back.token = token_;
    back.ttl = with_.lease;
    back.life = options_.actor_state_ttl;
    back.release = true;
    back.wanted = with_.lease;
    plane_.write_actor(with_.channel, {}, std::move(back), nullptr);
    return finish(cell_end::unreadable);
  }
  const auto why = actor_->how_it_was_left();
  count::starts.add(1, static_cast<std::size_t>(why));
  if (why == start_reason::rescued)
    log::debug("actor", "a channel actor was rebuilt after its node was lost",
               {{"actor", with_.actor_name}, {"channel", with_.channel}});
  phase_ = phase::serving;
  idle_since_ = home_.now();
  actor_->start(why, unix_now());
  actor_->fire(unix_now());
  if (!whole()) return;
  port_.began(*this);
  for (auto& each : std::exchange(waiting_, {})) run(each);
  flush_soon();
  rest();
}

// -- commands

void cell::take(command what) {
  // Asked again when the end is known.
  if (phase_ == phase::leaving || phase_ == phase::over || (actor_ && actor_->finished())) return;
  // That somebody has gone is a fact; the number of members bounds how often.
  const bool bound = what.number > 0 && what.what != command::kind::unsubscribe && options_.max_actor_mailbox > 0;
  if (bound && unanswered_ >= options_.max_actor_mailbox) {
    count::mailbox_full.add();
    port_.replied(with_.channel, {what.origin, what.number, {111, "too many requests", {}, false, false}, 0, {}},
                  {});
    return;
  }
  if (what.number > 0) ++unanswered_;
  ++commands_;
  count::commands.add();
  if (phase_ == phase::claiming) {
    waiting_.push_back(std::move(what));
    return;
  }
  run(what);
  flush_soon();
}

void cell::run(const command& what) {
  idle_since_ = home_.now();
  if (phase_ != phase::serving) return;
  if (!actor_->run(what, unix_now()) && what.number > 0 && unanswered_ > 0) --unanswered_;
  whole();
}

// False when the object couldn't be made again: everything since the last write is done anew.
bool cell::whole() {
  if (actor_->broken()) finish(cell_end::lost);
  return phase_ != phase::over;
}

// At the end of the loop's round: what comes in one round shares a write.
void cell::flush_soon() {
  if (flush_queued_ || writing_ || phase_ != phase::serving) return;
  flush_queued_ = true;
  home_.defer([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->flush_queued_ = false;
    self->flush();
  });
}

void cell::flush() {
  if (writing_ || phase_ != phase::serving) return;
  auto what = actor_->take();
  if (what.empty()) return;
  // What changes nothing needs no write, as long as nobody else can have the channel.
  if (!what.writes() && home_.now() < lease_end_) {
    let_out(what, {});
    rest();
    return;
  }
  const bool over = what.finished;
  write(std::move(what), over);
}

void cell::write(commit what, bool release) {
  writing_ = true;
  if (release) phase_ = phase::leaving;
  actor_write w;
  w.holder = with_.self;
  w.token = token_;
  w.how = mode_of(what);
  if (w.how != actor_write::mode::nothing) w.sequence = ++sequence_;
  w.facts = std::move(what.facts);
  w.publications = drafts(what.publications, options_, with_.key_life, 2 * with_.patience);
  w.ttl = with_.lease;
  // What was answered before `finish` may still be asked for.
  w.life = what.finished ? std::max(with_.key_life, 2 * with_.patience) : options_.actor_state_ttl;
  w.release = release;
  w.replicated = options_.durability == config::durability::replicated && w.how != actor_write::mode::nothing;
  if (release && !what.finished && (actor_->has_timers() || !actor_->members().empty())) w.wanted = grace_;
  count::writes.add();
  plane_.write_actor(
      with_.channel, {options_.history_size, options_.history_ttl}, std::move(w),
      [weak = weak_from_this(), asked = clock::now(), what = std::move(what), release](auto got) mutable {
        if (const auto self = weak.lock()) self->on_written(asked, std::move(what), release, std::move(got));
      });
}

void cell::on_written(clock::time_point asked, commit what, bool release,
                      backplane::outcome<backplane::actor_written> got) {
  if (phase_ == phase::over) return;
  writing_ = false;
  count::write_time.observe(seconds(clock::now() - asked));
  if (!got) {
    // Perhaps it happened: what is kept is read anew, and says whether it did.
    count::unknown_writes.add();
    return finish(cell_end::lost);
  }
  if (got->refused) {
    count::refused_writes.add();
    // A node that stood still loses all it had at once: one line says so, the counter how many.
    thread_local clock::time_point last{};
    if (clock::now() - last >= warn_every) {
      last = clock::now();
      log::warn("actor", "the store refused a write: this node doesn't have the channel actor any more",
                {{"actor", with_.actor_name}, {"channel", with_.channel}});
    }
    return finish(cell_end::lost);
  }
  count::publications.add(got->at.size());
  lease_end_ = std::max(lease_end_, asked + with_.lease);
  renew_at_ = asked + with_.lease / 3;
  let_out(what, got->at);
  if (release) return finish(cell_end::left);
  if (phase_ == phase::leaving) return leave(leaving_, grace_);
  flush();
  rest();
}

void cell::let_out(commit& what, const std::vector<protocol::position>& at) {
  for (auto& each : what.replies) {
    if (unanswered_ > 0 && !each.late) --unanswered_;
    if (!each.key.empty()) {
      count::duplicates.add();
      ask_position(std::move(each));
      continue;
    }
    const auto before = std::min(each.before, at.size());
    protocol::position position = last_;
    if (each.what.published)
      position = before < at.size() ? at[before] : protocol::position{};
    else if (before > 0)
      position = at[before - 1];
    else if (!at.empty() && at[0].offset > 0)
      position = {at[0].epoch, at[0].offset - 1};
    port_.replied(with_.channel, each, position);
  }
  if (!at.empty()) last_ = at.back();
  for (const auto& each : what.removals) port_.remove(with_.channel, each);
  for (const auto& each : what.presences) port_.set_presence(with_.channel, each);
  for (auto& each : what.asides) port_.run_aside(with_.channel, with_.number, std::move(each));
}

// It was published, that much the actor knows; the store may have forgotten where (its clock is another).
void cell::ask_position(commit::reply what) {
  const auto key = what.key;
  plane_.find_key(with_.channel, key, [weak = weak_from_this(), what = std::move(what)](auto got) mutable {
    const auto self = weak.lock();
    if (!self || self->phase_ == phase::over) return;
    if (!got) what.what = {100, "internal server error", {}, false, false};
    self->port_.replied(self->with_.channel, what, got ? got->value_or(position{}) : position{});
  });
}

// -- time and the end

void cell::rest() {
  if (phase_ != phase::serving) return;
  auto next = renew_at_;
  if (const auto due = actor_->next_due())
    next = std::min(next, home_.now() + std::max(*due - unix_now(), milliseconds{0}));
  if (options_.actor_idle > milliseconds{0})
    next = std::min(next, std::max(idle_since_ + options_.actor_idle, home_.now()));
  home_.arm(*alarm_, next);
}

void cell::on_alarm() {
  if (phase_ != phase::serving) return;
  const auto now = home_.now();
  // Past the lease too: what is written then the store refuses, if somebody else has the channel. No clock decides
  // that.
  if (const auto due = actor_->next_due(); due && *due <= unix_now()) {
    idle_since_ = now;
    actor_->fire(unix_now());
    if (!whole()) return;
    flush_soon();
  }
  const bool idle = actor_->members().empty() && !actor_->has_timers() && unanswered_ == 0 && !actor_->has_work();
  if (!idle) idle_since_ = now;
  if (idle && !writing_ && options_.actor_idle > milliseconds{0} && now - idle_since_ >= options_.actor_idle)
    return leave(stop_reason::idle);
  if (!writing_ && now >= renew_at_ && !flush_queued_) {
    renew_at_ = now + with_.lease / 3;
    write(actor_->take(), false);
  }
  rest();
}

void cell::leave(stop_reason why, milliseconds grace) {
  if (phase_ == phase::over) return;
  leaving_ = why;
  grace_ = grace;
  if (phase_ == phase::claiming || !actor_) return finish(cell_end::lost);
  phase_ = phase::leaving;
  if (writing_) return; // once that is answered
  if (actor_->finished()) return write(actor_->take(), true);
  actor_->stop(why, unix_now());
  if (!whole()) return;
  actor_->left(why);
  write(actor_->take(), true);
}

void cell::finish(cell_end how, const std::string& holder) {
  if (phase_ == phase::over) return;
  phase_ = phase::over;
  alarm_->disarm();
  port_.ended(*this, how, holder);
}

// -- what the handlers do

void cell::handled(std::string_view handler, std::chrono::nanoseconds took) {
  count::handler_time.observe(std::chrono::duration<double>(took).count());
  if (options_.actor_budget <= milliseconds{0} || took < options_.actor_budget) return;
  count::slow.add();
  const auto now = clock::now();
  if (now - warned_ < warn_every) return;
  warned_ = now;
  log::warn("actor", "a handler took longer than actor_budget; everything on its loop waited",
            {{"actor", with_.actor_name},
             {"channel", with_.channel},
             {"handler", handler},
             {"milliseconds", std::chrono::duration_cast<milliseconds>(took).count()}});
}

void cell::failed(std::string_view handler, std::string_view why) {
  count::failures.add();
  log::warn("actor", "a handler failed; what it did was undone",
            {{"actor", with_.actor_name}, {"channel", with_.channel}, {"handler", handler}, {"error", why}});
}

void cell::forgot_key() {
  count::keys_forgotten.add();
}

void cell::said(std::string_view text) {
  log::info("actor", text, {{"actor", with_.actor_name}, {"channel", with_.channel}});
}

} // namespace plexus::extension
