// Batches of a partition. What an answer means is in partition_answers.cpp.

#include "backplane/redis/partition.hpp"

#include "actors/runtime/log.hpp"
#include "backplane/redis/metrics.hpp"
#include "backplane/redis/nonce.hpp"
#include "backplane/redis/scripts.hpp"

#include <algorithm>

namespace plexus::backplane::redis {

namespace {

constexpr std::size_t most_settled = 256; // at once: the steps of others go along
constexpr milliseconds after_script_error{200};

const std::string* find(const std::unordered_map<std::string, std::string>& in, const std::string& key) {
  const auto found = in.find(key);
  return found == in.end() ? nullptr : &found->second;
}

} // namespace

// -- what is asked

void partition::ask(step what) {
  const auto at = now();
  const auto* append = std::get_if<append_step>(&what.what);
  // A Redis that has been away for a while: at once, it won't be back within the wait.
  const bool away = (phase_ != phase::up && at - down_since_ >= with_.times.append_wait) ||
                    moving_for(with_.times.append_wait, at);
  if (append && away) {
    count::given_up.add();
    refuse(what, error_code::internal);
    return;
  }
  what.until = at + (append ? with_.times.append_wait : with_.times.hold);
  if (shared_.join(what)) {
    count::shared_reads.add();
    return;
  }
  if (!batches_.push(what)) {
    shared_.close(what.channel); // nobody waits for this one
    count::overflow.add();
    refuse(what, error_code::internal);
    return;
  }
  flush_soon();
}

void partition::subscribe(step what) {
  auto& known = views_[what.channel];
  known.keep = what.keep;
  count::enrolls.add(1, count::subscribed);
  ask(std::move(what));
}

void partition::unsubscribe(const std::string& channel) {
  const auto found = views_.find(channel);
  if (found == views_.end()) return;
  std::vector<item> out;
  found->second.order.release(out);
  step what{channel, found->second.keep, {}, vacate_step{found->second.asked}};
  emit(channel, nullptr, out);
  views_.erase(found);
  push_fact(std::move(what));
}

void partition::enter(step what) {
  auto& s = std::get<enter_step>(what.what);
  s.known = !members_[what.channel].insert_or_assign(s.client, s.member).second;
  push_fact(std::move(what));
}

void partition::leave(step what) {
  const auto& s = std::get<leave_step>(what.what);
  if (const auto in = members_.find(what.channel); in != members_.end()) {
    in->second.erase(s.client);
    if (in->second.empty()) members_.erase(in);
  }
  push_fact(std::move(what));
}

// Whoever asked may be told that it isn't known, but what the step states is so, and Redis hears of it sooner or
// later.
void partition::push_fact(step what) {
  what.until = now() + with_.times.hold;
  if (batches_.push(what)) return flush_soon();
  count::overflow.add();
  refuse(what, error_code::internal);
  if (auto* v = std::get_if<vacate_step>(&what.what)) v->known = true; // the question may be waiting in front of it
  keep_fact(what);
}

void partition::keep_fact(step& of) {
  if (const auto* v = std::get_if<vacate_step>(&of.what); v && v->known) {
    unsettled_.vacated(std::move(of.channel), of.keep);
  } else if (auto* e = std::get_if<enter_step>(&of.what)) {
    unsettled_.entered(std::move(of.channel), std::move(e->client), e->known);
  } else if (auto* l = std::get_if<leave_step>(&of.what)) {
    unsettled_.left(std::move(of.channel), std::move(l->client));
  }
}

// By what is true now, and behind what waits: that may be about the same channels and members.
void partition::settle() {
  while (batches_.waiting() < most_settled && batches_.has_room()) {
    step what;
    if (auto channel = unsettled_.take_channel()) {
      if (views_.contains(channel->first)) continue;
      what = {std::move(channel->first), channel->second, {}, vacate_step{}};
    } else if (auto member = unsettled_.take_member()) {
      const auto in = members_.find(member->first);
      const auto* here = in == members_.end() ? nullptr : find(in->second, member->second);
      what.channel = std::move(member->first);
      if (here)
        what.what = enter_step{std::move(member->second), *here, {}, true};
      else
        what.what = leave_step{std::move(member->second), {}};
    } else {
      return;
    }
    batches_.push(what);
  }
}

// -- batches

// At the end of the loop's round: what comes in one round goes in one batch.
void partition::flush_soon() {
  if (flush_queued_ || phase_ != phase::up || !batches_.outstanding().empty()) return;
  flush_queued_ = true;
  home_.defer([this, alive = std::weak_ptr<bool>(alive_)] {
    if (const auto here = alive.lock(); !here || !*here) return;
    flush_queued_ = false;
    flush();
  });
}

void partition::flush() {
  if (phase_ != phase::up || !batches_.outstanding().empty() || paused_until_ > now()) return;
  settle();
  const auto present = batch_pace::clock::now();
  if (to_enroll_.empty() && to_enter_.empty())
    if (const auto time = pace_.wait(present, batches_.waiting()); time.count() > 0)
      return gathering_.wait(time, [this] { flush(); });
  if (!batches_.next([this] { return next_repair(); })) return;
  pace_.sent(present, batches_.outstanding().size());
  batch_sent_ = false;
  send_batch(false);
}

// What this node is itself about, the most urgent first, by what is true now: a member that has left meanwhile must
// not be entered again behind its own leaving.
std::optional<step> partition::next_repair() {
  while (!to_enroll_.empty()) {
    auto [channel, reason] = std::move(to_enroll_.front());
    to_enroll_.pop_front();
    const auto found = views_.find(channel);
    if (found == views_.end()) continue;
    count::enrolls.add(1, reason);
    return step{std::move(channel), found->second.keep, {}, enroll_step{}};
  }
  while (!to_enter_.empty()) {
    auto [channel, client] = std::move(to_enter_.front());
    to_enter_.pop_front();
    const auto in = members_.find(channel);
    const auto* who = in == members_.end() ? nullptr : find(in->second, client);
    if (who) return step{std::move(channel), {}, {}, enter_step{std::move(client), *who, {}, true}};
  }
  if (!to_put_.empty()) {
    step back{"", {}, {}, put_notice_step{std::move(to_put_.front()), {}, true}};
    to_put_.pop_front();
    if (to_put_.empty()) ask_notices();
    return back;
  }
  if (to_clean_.empty()) return std::nullopt;
  auto next = std::move(to_clean_.front());
  to_clean_.pop_front();
  return next;
}

void partition::send_batch(bool with_text) {
  auto& steps = batches_.outstanding();
  if (!batch_sent_) {
    auto wait = with_.times.append_deadline;
    for (const auto& each : steps)
      if (const auto* a = std::get_if<append_step>(&each.what); a && !a->key.empty())
        wait = std::min(wait, std::max(a->key_life / 16, milliseconds{20}));
    deadline_ = lease_.redis_time(now()) + wait;
    slack_ = 2 * wait;
    nonce_ = make_nonce(nonce_length);
    batch_sent_ = true;
  }
  bool needs_inbox = false, keeps = false;
  std::size_t appends = 0;
  waiting_for_replica_ = false;
  replicated_ = true;
  for (const auto& each : steps) {
    if (const auto* a = std::get_if<append_step>(&each.what)) {
      ++appends;
      waiting_for_replica_ = waiting_for_replica_ || a->replicated;
      keeps = true;
      continue;
    }
    if (const auto* w = std::get_if<write_actor_step>(&each.what)) {
      waiting_for_replica_ = waiting_for_replica_ || w->what.replicated;
      for (const auto& p : w->publications) waiting_for_replica_ = waiting_for_replica_ || p.replicated;
    }
    needs_inbox = true;
    keeps =
        keeps ||
        !(std::holds_alternative<find_key_step>(each.what) || std::holds_alternative<enroll_step>(each.what) ||
          std::holds_alternative<recover_step>(each.what) || std::holds_alternative<history_step>(each.what) ||
          std::holds_alternative<members_step>(each.what) || std::holds_alternative<notices_step>(each.what) ||
          std::holds_alternative<peers_step>(each.what) || std::holds_alternative<claim_actor_step>(each.what) ||
          std::holds_alternative<abandoned_step>(each.what));
  }
  auto& w = words_;
  w.clear();
  w.add(with_text ? "EVAL" : "EVALSHA");
  if (needs_inbox)
    w.add(with_text ? scripts::batch : std::string_view(batch_sha_));
  else
    w.add(with_text ? scripts::append : std::string_view(append_sha_));
  add_caller(w);
  const auto number = [](auto n) { return std::to_string(n); };
  std::string batch;
  add_ended(batch, number(batches_.number()), number(deadline_.count()), nonce_,
            number(with_.times.channel_life().count()), number(with_.times.inbox_entries), number(slack_.count()),
            needs_inbox ? "1" : "0", keeps ? "1" : "0", number(with_.times.answer_bytes));
  w.add(std::move(batch));
  for (auto& each : steps) {
    if (auto* m = std::get_if<send_step>(&each.what); m && m->generation.empty())
      m->generation = self_.generation();
    if (each.reads()) shared_.close(each.channel);
    known_position known;
    if (std::holds_alternative<enroll_step>(each.what)) {
      const auto found = views_.find(each.channel);
      if (found != views_.end()) found->second.asked = true;
      if (found != views_.end() && found->second.order.known())
        known = {found->second.order.epoch(), found->second.order.sequence(), found->second.offset};
    }
    write_step(each, known, w);
  }
  sent_ = link::clock::now();
  if (appends > 0) count::batch_size.observe(static_cast<double>(appends));
  commands_->send(w.all(), [this](const answer_ptr& a) { on_batch(a); });
}

void partition::on_batch(const answer_ptr& whole) {
  const reply r(whole);
  if (r.is_error()) {
    const auto text = r.text();
    if (text.substr(0, 8) == "NOSCRIPT") return send_batch(true);
    if (redirected(r, command::batch)) return;
    count::script_errors.add();
    const bool of_the_script = text.substr(0, 3) == "OOM" || text.substr(0, 3) == "ERR";
    if (!of_the_script) return doubt(count::refused, std::string(text));
    return fail_batch(std::string(text));
  }
  if (r[0].text() != "OK" && r[0].text() != "APPENDED") return doubt(count::refused, std::string(r[1].text()));
  served(std::chrono::duration_cast<milliseconds>(sent_.time_since_epoch()));
  count::round_trip.observe(std::chrono::duration<double>(link::clock::now() - sent_).count());
  if (waiting_for_replica_) ask_replica(r);
  parked_ = whole;
  parked_until_ = inbox_number(r[2].text()).value_or(0);
  settle_parked();
}

// Only after the answer: what wasn't stored need not be waited for. Without a replica WAIT would take all its time,
// and everybody's answers with it.
void partition::ask_replica(const reply& answers) {
  waiting_for_replica_ = false;
  const auto packed =
      answers[0].text() == "APPENDED" ? unpack_answers(answers[3].text()) : std::vector<append_answer>{};
  const auto& steps = batches_.outstanding();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto* a = std::get_if<append_step>(&steps[i].what);
    const auto epoch = i < packed.size() ? packed[i].epoch : answers[3 + i][0].text();
    waiting_for_replica_ = waiting_for_replica_ || (a && a->replicated && epoch.size() > 1);
    if (const auto* w = std::get_if<write_actor_step>(&steps[i].what); w && epoch == "D")
      for (const auto& p : w->publications) waiting_for_replica_ = waiting_for_replica_ || p.replicated;
  }
  if (!waiting_for_replica_) return;
  const auto& times = with_.times;
  // A batch that is sent again has a wait of its own; what an earlier one said is not about it.
  commands_->await_replica({times.replica_wait, times.replica_glance, times.replica_pause, times.replica_distrust},
                           [this, number = ++wait_number_](bool has_it) {
                             if (number != wait_number_) return;
                             waiting_for_replica_ = false;
                             replicated_ = has_it;
                             settle_parked();
                           });
}

// Registrations say what the channel's sequence was; only when the inbox has been read as far as it was then is
// what is missing really lost. Usually it has.
void partition::settle_parked() {
  if (!parked_ || !tail_.reached(parked_until_) || waiting_for_replica_) return;
  const auto whole = std::exchange(parked_, nullptr);
  const reply r(whole);
  redis_time_ = milliseconds{static_cast<std::int64_t>(r[1].number())};
  lease_.answered(now(), redis_time_);
  std::vector<append_answer> appended;
  if (r[0].text() == "APPENDED") {
    appended = unpack_answers(r[3].text());
    if (appended.size() != batches_.outstanding().size()) return doubt(count::refused, "answers make no sense");
  }
  auto steps = batches_.finish();
  for (std::size_t i = 0; i < appended.size(); ++i)
    on_appended(steps[i], std::get<append_step>(steps[i].what), appended[i]);
  std::vector<step> again; // reads that this batch had no room for
  for (std::size_t i = appended.size(); i < steps.size(); ++i) {
    if (steps[i].reads() && r[3 + i].text() == "W")
      again.push_back(std::move(steps[i]));
    else
      answer_step(steps[i], r[3 + i]);
  }
  batches_.put_back(again);
  flush();
}

// The script ended half way or not at all, for instance because Redis has no memory left. What states a fact is
// done again a little later.
void partition::fail_batch(const std::string& why) {
  const auto address = to_string(commands_->where());
  if (trouble_ != why && with_.links->news("batch " + address))
    runtime::log::error("backplane", "Redis refuses a batch",
                        {{"address", address}, {"partition", with_.tag}, {"error", why}});
  trouble_ = why;
  std::vector<step> again;
  for (auto& each : batches_.finish()) {
    refuse(each, error_code::internal);
    if (each.repairs()) {
      again.push_back(std::move(each));
    } else if (std::holds_alternative<enroll_step>(each.what)) {
      const auto found = views_.find(each.channel);
      if (found == views_.end()) continue;
      found->second.queued = false;
      queue_enroll(found->first, found->second, count::connected);
    } else if (const auto* c = std::get_if<clean_step>(&each.what)) {
      sweep_.cleaned(c->dead, each.channel);
    } else if (std::holds_alternative<bury_step>(each.what)) {
      sweep_.channels(each.channel, {});
    }
  }
  batches_.put_back(again);
  paused_until_ = now() + after_script_error;
}

} // namespace plexus::backplane::redis
