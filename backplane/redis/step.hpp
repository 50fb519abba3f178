#pragma once
// What a partition can be asked for: one step of a batch, with what its answer needs. Inside backplane/redis only.

#include "backplane/backplane.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plexus::backplane::redis {

struct append_step {
  std::shared_ptr<protocol::publication> made; ///< for delivery at home; without body, offset and time
  std::string body, key;
  milliseconds key_life{0};
  bool skip_history = false, replicated = false;
  answer<appended> done;
};
/// Reads where the publication of a key is.
struct find_key_step {
  std::string key;
  answer<std::optional<position>> done;
};
struct enroll_step {
  answer<position> done; ///< empty: the node's own repair
};
/// Ends the occupancy.
struct vacate_step {
  bool known = true; ///< whether Redis was ever asked for it
};
struct recover_step {
  position since;
  std::size_t max = 0;
  answer<recovery> done;
};
struct history_step {
  log_query what;
  answer<log_page> done;
};
struct remove_history_step {
  answer<nothing> done;
};
struct enter_step {
  std::string client, member;
  answer<presence_change> done; ///< empty: the member is entered again
  bool known = false;           ///< whether Redis may have an older state of it
};
struct leave_step {
  std::string client;
  answer<presence_change> done;
};
/// A large set is read in pages, so that Redis never stands still for one. What changed meanwhile shows by the
/// version: then it begins again, and in the end it is read at once.
struct members_step {
  answer<presence_snapshot> done;
  std::string cursor = "0";
  unsigned attempt = 0;
  std::shared_ptr<presence_snapshot> so_far{}; ///< null on the first page
  static constexpr unsigned paged_attempts = 3;
};
struct acquire_step {
  std::string holder;
  milliseconds ttl{0};
  answer<lease> done;
};
struct release_step {
  std::string holder;
  answer<nothing> done;
};
struct put_notice_step {
  notice what;
  answer<nothing> done;
  bool back = false; ///< it was there before: nobody is told if it still is
};
struct drop_notice_step {
  std::string key;
  answer<nothing> done;
};
struct notices_step {}; ///< all of them, for the listener
struct bury_step {};    ///< `channel` is the inbox
/// Goes on from page to page.
struct clean_step {
  std::string dead, cursor = "0";
};
struct peers_step {
  answer<std::vector<peer>> done;
};
/// A message to one node or to all others. Meant for one generation: what a later one would repeat, because the
/// answers are gone, might have arrived before.
struct send_step {
  std::string to, bytes;
  std::string generation{}; ///< in which it was first sent; empty: it wasn't yet
  answer<nothing> done;
};
struct bye_step {}; ///< the node ends: its inbox goes
struct claim_actor_step {
  std::string holder;
  milliseconds ttl{0};
  answer<actor_claim> done;
};
struct write_actor_step {
  actor_write what; ///< without the publications' data, which are below
  std::vector<append_step> publications;
  answer<actor_written> done;
  [[nodiscard]] std::size_t bytes() const {
    auto all = what.facts.size();
    for (const auto& each : publications) all += each.body.size();
    return all;
  }
};
struct abandoned_step {
  std::size_t most = 0;
  answer<std::vector<std::string>> done;
};
struct sync_step {
  answer<nothing> done; ///< when all that the inbox had then was handled
};

struct step {
  using body = std::variant<append_step, find_key_step, enroll_step, vacate_step, recover_step, history_step,
                            remove_history_step, enter_step, leave_step, members_step, acquire_step, release_step,
                            put_notice_step, drop_notice_step, notices_step, bury_step, clean_step, peers_step,
                            send_step, bye_step, claim_actor_step, write_actor_step, abandoned_step, sync_step>;
  std::string channel;
  retention keep;
  milliseconds until{0}; ///< steady time at which whoever asked is told that it failed; 0: never
  body what;

  [[nodiscard]] bool over(milliseconds now) const { return until.count() > 0 && now >= until; }
  /// About what it takes on the wire.
  [[nodiscard]] std::size_t bytes() const {
    const auto* a = std::get_if<append_step>(&what);
    const auto* m = std::get_if<send_step>(&what);
    const auto* w = std::get_if<write_actor_step>(&what);
    return channel.size() + 64 + (a ? a->body.size() : 0) + (m ? m->bytes.size() : 0) + (w ? w->bytes() : 0);
  }
  /// Whether its answer may be large. Redis then says `W` when a batch has no room for it.
  [[nodiscard]] bool reads() const {
    return std::holds_alternative<recover_step>(what) || std::holds_alternative<history_step>(what) ||
           std::holds_alternative<members_step>(what) || std::holds_alternative<enroll_step>(what);
  }
  /// Whether it is safe and useful to do it again after a script failed: it states what the node is about.
  [[nodiscard]] bool repairs() const {
    return std::holds_alternative<vacate_step>(what) || std::holds_alternative<enter_step>(what) ||
           std::holds_alternative<leave_step>(what) || std::holds_alternative<notices_step>(what) ||
           (std::holds_alternative<put_notice_step>(what) && std::get<put_notice_step>(what).back);
  }
};

/// The words of one script call. Texts that are made for it live as long as it does.
class words {
public:
  void add(std::string_view text) { all_.push_back(text); }
  void add(const char* text) { all_.emplace_back(text); }
  void add(std::string&& text) {
    made_.push_back(std::make_unique<std::string>(std::move(text)));
    all_.push_back(*made_.back());
  }
  template <class T>
  requires std::is_integral_v<T>
  void add(T n) { add(std::to_string(n)); }
  void add(milliseconds t) { add(t.count()); }
  void clear() {
    all_.clear();
    made_.clear();
  }
  [[nodiscard]] const std::vector<std::string_view>& all() const { return all_; }

private:
  std::vector<std::string_view> all_;
  std::vector<std::unique_ptr<std::string>> made_;
};

/// Texts in one word, each with a zero behind it: a word more costs Redis more than taking them apart.
template <class... Texts>
void add_ended(std::string& to, const Texts&... each) {
  ((to.append(each), to.push_back('\0')), ...);
}

/// What the node knows of a channel that it registers; empty epoch: nothing.
struct known_position {
  std::string_view epoch;
  std::uint64_t sequence = 0, offset = 0;
};

/// Adds the step as `batch.lua` reads it. A read whose asker was given up is none any more: it only keeps its
/// place.
void write_step(const step& what, const known_position& known, words& to);

} // namespace plexus::backplane::redis
