// What other nodes handed on to this one, as its inbox brings it.

#include "backplane/redis/partition.hpp"

#include "backplane/redis/metrics.hpp"

#include <algorithm>

namespace plexus::backplane::redis {

void partition::read_inbox() {
  const auto block = std::to_string(with_.times.block.count());
  const auto key = with_.prefix + "i:" + self_.inbox(), last = "1-" + std::to_string(tail_.last());
  const auto most = std::to_string(tail_.most());
  inbox_link_->send({"XREAD", "COUNT", most, "BLOCK", block, "STREAMS", key, last},
                    [this](const answer_ptr& a) { on_inbox(reply(a)); });
}

void partition::on_inbox(const reply& r) {
  if (r.is_error()) {
    if (redirected(r, command::read)) return;
    return doubt(count::refused, std::string(r.text()));
  }
  const auto entries = r[0][1];
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    bytes += entries[i][1][1].text().size();
    const auto number = inbox_number(entries[i][0].text());
    const auto seen = number ? tail_.take(*number) : inbox_tail::seen::gap;
    if (seen == inbox_tail::seen::known) continue;
    if (seen == inbox_tail::seen::gap) {
      // What was between is lost: another inbox, and every channel anew.
      self_.abandon_inbox();
      return doubt(count::trimmed, "the inbox was trimmed past what was read");
    }
    const bool fine = decode_entry(entries[i][1][1].text(), [this](const handed_on& each) { on_handed_on(each); });
    if (!fine) {
      self_.abandon_inbox();
      return doubt(count::refused, "an inbox entry makes no sense");
    }
  }
  tail_.took(entries.size(), bytes);
  read_inbox();
  settle_parked();
}

void partition::on_handed_on(const handed_on& what) {
  if (what.what == handed_on::kind::message) return on_message(what);
  const auto found = views_.find(what.channel);
  if (found == views_.end()) return;
  count::received.add();
  const auto& channel = found->first;
  auto& known = found->second;
  std::vector<item> out;
  item each;
  if (what.what == handed_on::kind::notice) {
    auto now_is = decode_notice(what.content);
    if (!now_is) return;
    each.run = [to = &to_, held = notices_, now_is = std::move(*now_is), at = lease_.redis_time(now())] {
      held->take(now_is, at);
      to->noticed(now_is);
    };
  } else if (what.what == handed_on::kind::presence) {
    auto member = decode_member(what.content);
    if (!member) return;
    presence_change change{what.change, std::move(*member), what.number, std::string(what.epoch)};
    each.version = what.number;
    each.run = [to = &to_, channel, change = std::move(change)] { to->presence_changed(channel, change); };
  } else {
    auto made = decode_publication(what.content);
    if (!made) return;
    made->offset = what.number;
    if (what.number == 1) made->epoch = what.epoch;
    const auto age = lease_.redis_time(now()) - made->time;
    count::inbox_lag.observe(std::max(0.0, std::chrono::duration<double>(age).count()));
    each.offset = what.number;
    each.run = [to = &to_, channel, made = publication_ptr(std::move(made))] { to->published(channel, made); };
  }
  if (known.order.entry(what.epoch, what.sequence, std::move(each), now(), out) == sequencer<item>::taken::doubt)
    queue_enroll(channel, known, count::other_epoch);
  if (known.order.waits()) holes_.insert(channel);
  emit(channel, &known, out);
}

} // namespace plexus::backplane::redis
