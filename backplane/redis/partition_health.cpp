// What a partition says of itself: in the log, as its health and in figures.

#include "backplane/redis/partition.hpp"

#include "actors/runtime/log.hpp"
#include "backplane/redis/metrics.hpp"

namespace plexus::backplane::redis {

void partition::count_generation(std::string_view mark) {
  const auto run_id = [](std::string_view of) { return of.substr(0, of.find(' ')); };
  const auto address = to_string(commands_->where());
  auto reason = count::taken_over;
  std::string_view says = "another server has the partition";
  if (mark == mark_) {
    reason = count::lost;
    says = "its keys were gone";
  } else if (doubted_ == count::moved) {
    reason = count::unproven;
    says = "its slot went to another server, and that nothing was lost is not proven";
  } else if (address == greeted_at_ && run_id(mark) != run_id(mark_)) {
    reason = count::restarted;
    says = "Redis was restarted";
  }
  count::generations.add(1, reason);
  if (with_.links->news("raised " + address))
    runtime::log::warn(
        "backplane", "another Redis, or one that was restarted: a new generation begins",
        {{"address", address}, {"partition", with_.tag}, {"reason", says}, {"generation", self_.generation()}});
}

// Under any other policy Redis throws away what it likes once its memory is used up, a channel's position included.
void partition::warn_about_eviction(std::string_view memory) {
  const auto policy = info_value(memory, "maxmemory_policy");
  if (policy.empty() || policy == "noeviction") return;
  const auto address = to_string(commands_->where());
  if (!with_.links->news("evicts " + address)) return;
  runtime::log::warn(
      "backplane", "Redis may throw away what nodes rely on: set maxmemory-policy to noeviction",
      {{"address", address}, {"maxmemory-policy", policy}, {"maxmemory", info_value(memory, "maxmemory")}});
}

void partition::warn_about_replica() {
  const auto address = to_string(commands_->where());
  if (with_.links->news("alone " + address))
    runtime::log::warn("backplane", "a channel wants its publications replicated, but Redis has no replica",
                       {{"address", address}, {"partition", with_.tag}});
}

void partition::note_health(milliseconds at) {
  health next{phase_ == phase::up, {}};
  if (next.ready && with_.has_notices && !notices_known_) {
    next = {false, "reading what every node has to know"};
  } else if (!next.ready) {
    next.message = "Redis is away for " + std::to_string((at - down_since_).count()) +
                   " ms: " + (trouble_.empty() ? "connecting" : trouble_);
  } else if (const auto since = commands_->waiting_since();
             since && link::clock::now() - *since >= with_.times.slow_answer) {
    next = {false, "Redis does not answer"};
  } else if (paused_until_ > at) {
    next = {false, trouble_};
  } else if (moving_for(with_.times.hold, at)) {
    next = {false,
            "a slot of the Cluster is being moved for " + std::to_string((at - move_.since).count()) + " ms"};
  }
  const std::lock_guard locked(health_lock_);
  health_ = std::move(next);
  owes_notices_ = with_.has_notices && !notices_known_;
  figures_ = {lease_.age(at), inbox_waiting_, batches_.waiting() + unsettled_.size()};
}

bool partition::owes_notices() const {
  const std::lock_guard locked(health_lock_);
  return owes_notices_;
}

partition::figures partition::measure() const {
  const std::lock_guard locked(health_lock_);
  return figures_;
}

std::string partition::server() const {
  return phase_ == phase::up ? to_string(commands_->where()) : std::string();
}

void partition::ask_server(const std::string& section, std::function<void(std::string)> done) {
  if (phase_ != phase::up) return done({});
  commands_->send({"INFO", section}, [done = std::move(done)](const answer_ptr& a) {
    const reply r(a);
    done(r.is_error() ? std::string() : std::string(r.text()));
  });
}

health partition::check() const {
  const std::lock_guard locked(health_lock_);
  return health_;
}

} // namespace plexus::backplane::redis
