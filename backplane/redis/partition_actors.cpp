// What the store says to claims and writes of channel actors.

#include "backplane/redis/partition.hpp"

#include "actors/runtime/log.hpp"

namespace plexus::backplane::redis {

void partition::on_claimed(step& of, claim_actor_step& what, const reply& r) {
  actor_claim out;
  out.right = {r[0].number() == 1, std::string(r[1].text()), to_number(r[2].text()).value_or(0)};
  if (out.right.granted) {
    out.sequence = to_number(r[3].text()).value_or(0);
    out.snapshot = r[4].text();
    for (std::size_t i = 5; i < r.size(); ++i) out.log.emplace_back(r[i].text());
  }
  reply_with(of.channel, what.done, outcome<actor_claim>(std::move(out)));
}

// The publications are told as other nodes' are, each in its place in the channel's order; the answer stands behind
// the last one.
void partition::on_written(step& of, write_actor_step& what, const reply& r) {
  const auto& channel = of.channel;
  const auto state = r[0].text();
  actor_written out;
  out.refused = state == "F";
  item last;
  if (state != "D" && !out.refused) {
    if (state == "N") warn_about_replica();
    if (what.done) last.run = [done = std::exchange(what.done, nullptr)] { done(error_code::internal); };
    return in_order(channel, {}, 0, false, std::move(last));
  }
  const bool occupied = views_.contains(channel);
  for (std::size_t i = 0; i < what.publications.size() && i + 1 < r.size(); ++i) {
    auto text = r[i + 1].text();
    if (text.size() == 1) { // no memory for it
      out.at.emplace_back();
      continue;
    }
    const bool duplicate = text.starts_with("D ");
    if (duplicate) text.remove_prefix(2);
    const auto first = text.find(' '), second = text.find(' ', first + 1);
    const auto epoch = text.substr(0, first);
    const auto sequence = duplicate ? 0 : to_number(text.substr(first + 1, second - first - 1)).value_or(0);
    const auto offset = to_number(text.substr((duplicate ? first : second) + 1)).value_or(0);
    out.at.push_back(offset > 0 ? position{std::string(epoch), offset} : position{});
    if (duplicate) continue;
    auto made = std::move(what.publications[i].made);
    made->offset = offset;
    made->time = redis_time_;
    if (offset == 1) made->epoch = epoch;
    item each;
    each.offset = offset;
    if (occupied)
      each.run = [to = &to_, channel, made = publication_ptr(std::move(made))] { to->published(channel, made); };
    in_order(channel, epoch, sequence, sequence > 0, std::move(each));
  }
  bool sure = !what.what.replicated || replicated_;
  for (const auto& each : what.publications) sure = sure && (!each.replicated || replicated_);
  if (what.done)
    last.run = [done = std::exchange(what.done, nullptr), out = std::move(out), sure]() mutable {
      if (sure)
        done(std::move(out));
      else
        done(error_code::internal);
    };
  in_order(channel, {}, 0, false, std::move(last));
}

} // namespace plexus::backplane::redis
