// What the answers of a partition's steps mean, and in which order the node hears of them.

#include "backplane/redis/partition.hpp"

#include "actors/runtime/log.hpp"
#include "backplane/redis/metrics.hpp"
#include "backplane/redis/nonce.hpp"

#include <algorithm>
#include <array>

namespace plexus::backplane::redis {

namespace {

/// "D epoch offset".
std::array<std::string_view, 3> three_words(std::string_view text) {
  std::array<std::string_view, 3> out;
  for (auto& each : out) {
    const auto space = text.find(' ');
    each = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  return out;
}

/// "channel's.generation" -> "channel's".
std::string_view log_of(std::string_view epoch) {
  return epoch.substr(0, epoch.rfind('.'));
}

position position_of(std::string_view epoch, std::uint64_t offset) {
  return {std::string(epoch), offset};
}

/// "D epoch offset": where a key's first publication is.
position first_of_key(std::string_view text) {
  const auto words = three_words(text);
  const auto offset = to_number(words[2]).value_or(0);
  return offset > 0 ? position_of(words[1], offset) : position{};
}

/// From `at` on: offset, text, offset, text, ...
std::vector<publication_ptr> publications(const reply& r, std::size_t at) {
  std::vector<publication_ptr> out;
  for (; at + 1 < r.size(); at += 2) {
    auto made = decode_publication(r[at + 1].text());
    if (!made) continue;
    made->offset = r[at].number();
    if (made->offset == 1) made->epoch = r[0].text();
    out.push_back(std::move(made));
  }
  return out;
}

} // namespace

// Tells whoever asked; what the step is about may have to be done all the same.
void partition::refuse(step& of, error_code why) {
  const auto& channel = of.channel;
  of.until = milliseconds{0};
  std::visit(
      [&]<class S>(S& s) {
        [[maybe_unused]] bool asked = false;
        if constexpr (requires { s.done; }) {
          using done_type = decltype(s.done);
          asked = static_cast<bool>(s.done);
          if (s.done) run_(channel, [done = std::exchange(s.done, done_type{}), why] { done(why); });
        }
        if constexpr (std::is_same_v<S, enroll_step>) {
          // Whoever asked believes that it doesn't occupy the channel; if the step was sent, it may.
          const auto found = views_.find(channel);
          const auto unknown = found != views_.end() && !found->second.order.known() && !found->second.queued;
          if (found != views_.end() && (asked || unknown)) unsubscribe(channel);
        }
      },
      of.what);
}

void partition::emit(const std::string& channel, view* known, std::vector<item>& items) {
  for (auto& each : items) {
    if (known && each.offset > known->offset) known->offset = each.offset;
    if (known && each.version > known->version) known->version = each.version;
    if (each.run) run_(channel, std::move(each.run));
  }
  items.clear();
}

void partition::in_order(const std::string& channel, std::string_view epoch, std::uint64_t sequence, bool is_step,
                         item what) {
  std::vector<item> out;
  const auto found = views_.find(channel);
  if (found == views_.end()) {
    out.push_back(std::move(what));
    return emit(channel, nullptr, out);
  }
  auto& known = found->second;
  // An answer without an epoch found nothing: it only keeps its place.
  const auto& own_epoch = known.order.epoch();
  const auto as = epoch.empty() || epoch == "." ? std::string_view(own_epoch) : epoch;
  if (known.order.answer(as, sequence, is_step, std::move(what), now(), out) == sequencer<item>::taken::doubt) {
    // Of another log: whoever asked is answered, but what this channel has emitted stays what it was.
    for (auto& each : out) each.offset = each.version = 0;
    queue_enroll(found->first, known, count::other_epoch);
  }
  if (known.order.waits()) holes_.insert(channel);
  emit(channel, &known, out);
}

void partition::queue_enroll(const std::string& channel, view& known, std::size_t reason) {
  if (known.queued) return;
  known.queued = true;
  to_enroll_.emplace_back(channel, reason);
  flush_soon();
}

void partition::answer_step(step& of, const reply& r) {
  const auto& channel = of.channel;
  const auto epoch = r[0].text();
  const auto sequence = r[1].number();
  // Wraps an answer so that it is given in the channel's order.
  const auto later = [&]<class T>(answer<T>& done, outcome<T> what) {
    item each;
    if (done)
      each.run = [done = std::exchange(done, nullptr), what = std::move(what)]() mutable { done(std::move(what)); };
    in_order(channel, epoch, sequence, false, std::move(each));
  };
  std::visit(
      [&]<class S>(S& s) {
        if constexpr (std::is_same_v<S, append_step>) {
          on_appended(of, s, {epoch, sequence, r[2].number()});
        } else if constexpr (std::is_same_v<S, find_key_step>) {
          on_key_found(of, s, epoch);
        } else if constexpr (std::is_same_v<S, enroll_step>) {
          on_enrolled(of, s, r);
        } else if constexpr (std::is_same_v<S, recover_step>) {
          if (!s.done) return;
          recovery out{position_of(epoch, r[2].number()), r[3].number() == 1, publications(r, 4)};
          if (!of.keep.logs()) out = {};
          later(s.done, outcome<recovery>(std::move(out)));
        } else if constexpr (std::is_same_v<S, history_step>) {
          if (!s.done) return;
          if (epoch.empty()) return later(s.done, outcome<log_page>(error_code::unrecoverable_position));
          later(s.done, outcome<log_page>(log_page{position_of(epoch, r[2].number()), publications(r, 3)}));
        } else if constexpr (std::is_same_v<S, members_step>) {
          if (s.done) on_members(of, s, r);
        } else if constexpr (std::is_same_v<S, enter_step> || std::is_same_v<S, leave_step>) {
          on_presence(of, s.done, r);
        } else if constexpr (std::is_same_v<S, acquire_step>) {
          lease out{r[0].number() == 1, std::string(r[1].text()), r[2].number()};
          reply_with(channel, s.done, outcome<lease>(std::move(out)));
        } else if constexpr (std::is_same_v<S, release_step> || std::is_same_v<S, remove_history_step>) {
          item each;
          if (s.done) each.run = [done = std::exchange(s.done, nullptr)] { done(nothing{}); };
          in_order(channel, {}, 0, false, std::move(each));
        } else if constexpr (std::is_same_v<S, put_notice_step> || std::is_same_v<S, drop_notice_step>) {
          on_noticed(of, s.done, r);
        } else if constexpr (std::is_same_v<S, notices_step>) {
          on_notices(of, r);
        } else if constexpr (std::is_same_v<S, peers_step>) {
          on_peers(s, r);
        } else if constexpr (std::is_same_v<S, send_step>) {
          on_sent(s, r);
        } else if constexpr (std::is_same_v<S, bye_step>) {
          on_bye();
        } else if constexpr (std::is_same_v<S, claim_actor_step>) {
          on_claimed(of, s, r);
        } else if constexpr (std::is_same_v<S, write_actor_step>) {
          on_written(of, s, r);
        } else if constexpr (std::is_same_v<S, abandoned_step>) {
          std::vector<std::string> names;
          for (std::size_t i = 0; i < r.size(); ++i) names.emplace_back(r[i].text());
          reply_with(channel, s.done, outcome<std::vector<std::string>>(std::move(names)));
        } else if constexpr (std::is_same_v<S, sync_step>) {
          reply_with(channel, s.done, outcome<nothing>(nothing{}));
        } else if constexpr (std::is_same_v<S, bury_step>) {
          std::vector<std::string> names;
          for (std::size_t i = 0; i < r.size(); ++i) names.emplace_back(r[i].text());
          for (auto& each : sweep_.channels(channel, names))
            to_clean_.push_back({std::move(each), {}, {}, clean_step{channel}});
        } else if constexpr (std::is_same_v<S, clean_step>) {
          on_cleaned(of, s, r);
        } else {
          static_assert(std::is_same_v<S, vacate_step>); // nobody waits for its answer
        }
      },
      of.what);
}

// -- appending

void partition::on_appended(step& of, append_step& what, const append_answer& got) {
  const auto& channel = of.channel;
  const auto text = got.epoch;
  if (text.size() == 1 && text != ".") { // late, without a replica, or without memory: nothing was done
    if (text == "N") warn_about_replica();
    item failed;
    if (what.done) failed.run = [done = std::exchange(what.done, nullptr)] { done(error_code::internal); };
    return in_order(channel, {}, 0, false, std::move(failed));
  }
  item each;
  // Without a replica's word the publisher is told that it isn't known; the publication is in the log all the same.
  // The wait covers a duplicate's first write too.
  if (what.replicated && !replicated_) reply_with(channel, what.done, outcome<appended>(error_code::internal));
  if (text.substr(0, 2) == "D ") {
    appended first{first_of_key(text), true, nullptr};
    if (what.done) each.run = [done = std::exchange(what.done, nullptr), first = std::move(first)] { done(first); };
    return in_order(channel, {}, 0, false, std::move(each));
  }
  const auto epoch = got.epoch;
  const auto sequence = got.sequence, offset = got.offset;
  auto made = std::move(what.made);
  made->offset = offset;
  made->time = redis_time_;
  if (offset == 1) made->epoch = epoch;
  each.offset = offset;
  if (what.done) {
    appended answer{offset > 0 ? position_of(epoch, offset) : position{}, false, std::move(made)};
    each.run = [done = std::exchange(what.done, nullptr), answer = std::move(answer)] { done(answer); };
  } else {
    // Given up towards its publisher: the subscribers here get it like those elsewhere.
    const auto found = views_.find(channel);
    if (found != views_.end() && found->second.order.epoch() == epoch)
      each.run = [to = &to_, channel, made = publication_ptr(std::move(made))] { to->published(channel, made); };
  }
  in_order(channel, epoch, sequence, sequence > 0, std::move(each));
}

void partition::on_key_found(step& of, find_key_step& what, std::string_view text) {
  outcome<std::optional<position>> out = std::optional<position>{};
  if (text.starts_with("D "))
    out = std::optional(first_of_key(text));
  else if (text != "?")
    out = error_code::internal;
  item each;
  if (what.done)
    each.run = [done = std::exchange(what.done, nullptr), out = std::move(out)]() mutable { done(std::move(out)); };
  in_order(of.channel, {}, 0, false, std::move(each));
}

void partition::publish(const std::string& channel, std::vector<item>& to, publication_ptr what) {
  item each;
  each.offset = what->offset;
  each.run = [listener = &to_, channel, what = std::move(what)] { listener->published(channel, what); };
  to.push_back(std::move(each));
}

// -- registering

void partition::on_enrolled(step& of, enroll_step& what, const reply& r) {
  const auto& channel = of.channel;
  const auto epoch = r[0].text();
  const auto sequence = r[1].number(), offset = r[2].number(), version = r[3].number();
  const auto found = views_.find(channel);
  if (found == views_.end()) { // left meanwhile; its `vacate` is behind this step
    reply_with(channel, what.done, outcome<position>(of.keep.logs() ? position_of(epoch, offset) : position{}));
    return;
  }
  auto& known = found->second;
  known.enrolled = now();
  swept_.emplace_back(known.enrolled, channel);
  if (!what.done) known.queued = false;
  const auto position_now = [&] {
    return of.keep.logs() ? position_of(known.order.epoch(), known.offset) : position{};
  };
  if (!known.order.known()) {
    std::vector<item> out;
    known.offset = offset;
    known.version = version;
    reply_with(channel, what.done, outcome<position>(of.keep.logs() ? position_of(epoch, offset) : position{}));
    if (known.order.adopt(epoch, sequence, now(), out) == sequencer<item>::taken::doubt)
      queue_enroll(channel, known, count::other_epoch);
    return emit(channel, &known, out);
  }
  catch_up(channel, known, r);
  reply_with(channel, what.done, outcome<position>(position_now()));
}

// The channel was registered before. The inbox has been read as far as it was when the answer was made, so what is
// missing now won't come any more: it follows from the log, or the channel is in doubt.
void partition::catch_up(const std::string& channel, view& known, const reply& r) {
  const auto epoch = r[0].text();
  const auto sequence = r[1].number(), offset = r[2].number(), version = r[3].number();
  const bool good = r[4].number() == 1, whole = r[5].number() == 1;
  const bool same = epoch == known.order.epoch();
  if (same && sequence <= known.order.sequence()) return;

  std::vector<item> out;
  bool doubt = !same, presence_doubt = version != known.version;
  if (same) {
    const auto logged = offset - known.offset, changes = version - known.version;
    const auto missed = sequence - known.order.sequence();
    doubt = (logged > 0 && !whole) || missed > logged + changes;
    if (logged > 0 && whole)
      for (auto& each : publications(r, 6))
        if (each->offset > known.offset) publish(channel, out, std::move(each));
  } else {
    presence_doubt = version > 0 || known.version > 0;
    // A channel without a log shows its clients no position: where nothing was lost, there is nothing to tell.
    const bool unchanged =
        good && log_of(epoch) == log_of(known.order.epoch()) && sequence == known.order.sequence();
    if (unchanged && !known.keep.logs()) doubt = false;
  }
  emit(channel, &known, out);
  if (known.order.adopt(epoch, sequence, now(), out) == sequencer<item>::taken::doubt)
    queue_enroll(channel, known, count::other_epoch);
  known.offset = offset;
  known.version = version;
  if (channel.empty()) {
    ask_notices();
  } else if (doubt) {
    count::in_doubt.add();
    run_(channel, [to = &to_, channel] { to->in_doubt(channel); });
  }
  if (presence_doubt && !channel.empty()) run_(channel, [to = &to_, channel] { to->presence_in_doubt(channel); });
  emit(channel, &known, out);
}

// -- presence

void partition::on_presence(step& of, answer<presence_change>& done, const reply& r) {
  const auto& channel = of.channel;
  const auto epoch = r[0].text(), kind = r[3].text();
  presence_change change{to_kind(kind), {}, r[2].number(), std::string(epoch)};
  if (auto who = decode_member(r[4].text())) change.member = std::move(*who);
  const bool changed = change.what != presence_change::kind::none;
  item each;
  if (changed) each.version = change.version;
  if (done) {
    each.run = [done = std::exchange(done, nullptr), change = std::move(change)] { done(change); };
  } else if (changed && views_.contains(channel)) {
    each.run = [to = &to_, channel, change = std::move(change)] { to->presence_changed(channel, change); };
  }
  in_order(channel, epoch, r[1].number(), changed, std::move(each));
}

void partition::on_members(step& of, members_step& what, const reply& r) {
  const auto epoch = r[0].text(), next = r[3].text();
  const auto version = r[2].number();
  auto& out = what.so_far;
  if (!out) out = std::make_shared<presence_snapshot>(presence_snapshot{version, std::string(epoch), {}});
  for (std::size_t i = 4; i < r.size(); ++i)
    if (auto who = decode_member(r[i].text().substr(std::min(inbox_name_length, r[i].text().size()))))
      out->members.push_back(std::move(*who));
  const bool changed = out->version != version || out->epoch != epoch;
  if (next == "0" && !changed) {
    // A member may stand on two pages.
    auto& all = out->members;
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.client < b.client; });
    all.erase(
        std::unique(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.client == b.client; }),
        all.end());
    item each;
    each.run = [done = std::exchange(what.done, nullptr), out = std::move(*out)]() mutable {
      done(std::move(out));
    };
    return in_order(of.channel, epoch, r[1].number(), false, std::move(each));
  }
  if (changed) {
    out.reset();
    ++what.attempt;
  }
  what.cursor = changed ? std::string("0") : std::string(next);
  batches_.push_own(std::move(of));
}

// Inboxes that are gone, and so what their nodes had; again and again until they are forgotten.
void partition::bury(const std::vector<std::string>& dead) {
  for (auto& each : sweep_.found(dead)) to_clean_.push_back({std::move(each), {}, {}, bury_step{}});
  flush_soon();
}

void partition::on_cleaned(step& of, const clean_step& what, const reply& r) {
  const auto& channel = of.channel;
  if (const auto cursor = r[1].text(); !cursor.empty())
    to_clean_.push_back({channel, {}, {}, clean_step{what.dead, std::string(cursor)}});
  else if (sweep_.cleaned(what.dead, channel))
    bury({what.dead});
  const bool occupied = views_.contains(channel);
  for (std::size_t i = 2; i + 2 < r.size(); i += 3) {
    count::cleaned.add();
    auto who = decode_member(r[i + 2].text());
    item each;
    each.version = r[i + 1].number();
    if (who && occupied) {
      presence_change change{presence_change::kind::left, std::move(*who), each.version, std::string(r[0].text())};
      each.run = [to = &to_, channel, change = std::move(change)] { to->presence_changed(channel, change); };
    }
    in_order(channel, r[0].text(), r[i].number(), true, std::move(each));
  }
}

} // namespace plexus::backplane::redis
