// Of channel: what is shown to those who look on, and told to who traces it.

#include "actors/channel/channel.hpp"
#include "actors/runtime/trace.hpp"

namespace plexus::channel {

channel::facts channel::about(steady_clock::time_point now) const {
  return {top_,
          occupancy_ == occupancy::held,
          filling_,
          joining_.size() + waiting_.size(),
          traffic_.publications(),
          traffic_.bytes(),
          static_cast<double>(traffic_.last_second(now))};
}

void channel::trace_decision(std::string_view kind, const protocol::client_info* who, std::string_view why,
                             std::uint64_t number) const {
  runtime::trace::step s{"decision", kind};
  if (who) {
    s.client = who->client;
    s.user = who->user;
  }
  s.channel = *name_;
  s.why = why;
  s.number = number;
  runtime::trace::tell(s);
}

void channel::trace_enter(const protocol::client_info& who, const subscribed& how) const {
  const auto* why = !how.was_recovering ? "from now on"
                    : how.recovered     ? "with what it missed"
                                        : "what it missed can't be had any more";
  trace_decision("subscribed", &who, why, how.at.offset);
}

void channel::trace_append(const outcome<backplane::appended>& answer) const {
  const auto* by = answer && answer->publication ? answer->publication->info.get() : nullptr;
  if (!answer) {
    trace_decision("not appended", by, protocol::entry(answer.error()).name,
                   static_cast<std::uint64_t>(answer.error()));
    return;
  }
  const auto to = std::to_string(total_) + " subscribers on this node";
  if (answer->duplicate)
    trace_decision("duplicate", by, "its idempotency key is known: nothing is delivered again", answer->at.offset);
  else
    trace_decision("appended", by, (answer->at.offset > 0 ? "" : "not kept in a history; ") + to,
                   answer->at.offset);
}

} // namespace plexus::channel
