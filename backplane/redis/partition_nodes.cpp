// Nodes among each other: who is alive, messages, the end of this one; and notices, which each has to know.

#include "backplane/redis/partition.hpp"

#include "actors/runtime/log.hpp"

#include <utility>

namespace plexus::backplane::redis {

void partition::on_peers(peers_step& what, const reply& r) {
  if (!what.done) return;
  std::vector<peer> all;
  for (std::size_t i = 0; i + 1 < r.size(); i += 2)
    all.push_back({std::string(r[i].text()), std::string(r[i + 1].text())});
  run_("", [done = std::exchange(what.done, nullptr), all = std::move(all)] { done(all); });
}

void partition::on_sent(send_step& what, const reply& r) {
  if (!what.done) return;
  const bool gone = r.text() == "G";
  run_("", [done = std::exchange(what.done, nullptr), gone] {
    if (gone)
      done(error_code::internal);
    else
      done(nothing{});
  });
}

void partition::on_message(const handed_on& what) {
  run_("", [to = &to_, from = std::string(what.channel), bytes = std::string(what.content)] {
    to->received(from, bytes);
  });
}

// Others hear of each leave. When there are too many for the time, the lease ends all the same, and whoever notices
// takes out the rest.
void partition::farewell(std::function<void()> done) {
  if (phase_ != phase::up) return done();
  leaving_ = std::move(done);
  farewell_until_ = now() + with_.times.farewell;
  for (const auto& [channel, clients] : members_)
    for (const auto& [client, member] : clients) batches_.push_own({channel, {}, {}, leave_step{client, {}}});
  members_.clear();
  to_enter_.clear();
  for (const auto& [channel, known] : views_)
    if (!channel.empty()) batches_.push_own({channel, known.keep, {}, vacate_step{known.asked}});
  batches_.push_own({{}, {}, {}, bye_step{}});
  flush_soon();
}

void partition::on_bye() {
  phase_ = phase::off;
  stop();
  if (const auto tell = std::exchange(leaving_, nullptr)) tell();
}

// -- notices

void partition::on_noticed(const step& of, answer<nothing>& done, const reply& r) {
  const auto content = r[2].text();
  auto now_is = decode_notice(content);
  const bool changed = now_is.has_value();
  item each;
  each.run = [to = &to_, held = notices_, now_is = std::move(now_is), at = redis_time_, full = content == "F",
              done = std::exchange(done, nullptr)] {
    if (now_is) {
      held->take(*now_is, at);
      to->noticed(*now_is);
    }
    if (!done) return;
    if (full)
      done(error_code::limit_exceeded);
    else
      done(nothing{});
  };
  in_order(of.channel, r[0].text(), r[1].number(), changed, std::move(each));
}

void partition::on_notices(const step& of, const reply& r) {
  if (!to_put_.empty()) return; // asked for before the generation began: not whole yet, and asked for again
  std::vector<notice> all;
  for (std::size_t i = 2; i < r.size(); ++i)
    if (auto one = decode_notice(r[i].text())) all.push_back(std::move(*one));
  item each;
  each.run = [to = &to_, held = notices_, all = std::move(all), at = redis_time_] {
    held->replace(all, at);
    to->notices_are(all);
  };
  in_order(of.channel, r[0].text(), r[1].number(), false, std::move(each));
  notices_known_ = true;
  note_health(now());
  if (auto tell = std::exchange(started_, nullptr)) tell({});
}

// Redis may have lost them, while every node still knows them: who is there when a generation begins puts back what
// it knows. Who comes later might bring back what was dropped meanwhile.
void partition::put_back_notices(milliseconds age) {
  if (!with_.has_notices || age >= lease_.lease()) return;
  const auto known = notices_->all(lease_.redis_time(now()));
  if (!known.empty())
    runtime::log::info("backplane", "blocks and revocations are put back, in case they were lost",
                       {{"number", known.size()}});
  to_put_.assign(known.begin(), known.end());
}

// Behind the registration of the channel without a name, which is on its way: what it says of that is in order. And
// behind what is put back, or what was lost wouldn't hold for a moment.
void partition::ask_notices() {
  if (!to_put_.empty()) return;
  batches_.push_own({"", {}, {}, notices_step{}});
  flush_soon();
}

} // namespace plexus::backplane::redis
