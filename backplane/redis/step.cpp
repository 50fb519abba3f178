#include "backplane/redis/step.hpp"

#include <limits>

namespace plexus::backplane::redis {

namespace {

// Answers with what was missed are for small gaps; who is further behind asks the log page by page.
constexpr int most_missed = 1000;
constexpr int dead_channels_a_step = 500;
constexpr std::uint64_t members_a_page = 1000;

constexpr std::uint64_t most_exact = 9'000'000'000'000; // what a script's numbers print without an exponent

std::string keep_text(const retention& keep, std::string_view flags = {}) {
  const auto ttl =
      std::min<std::uint64_t>(static_cast<std::uint64_t>(std::max<std::int64_t>(keep.ttl.count(), 0)), most_exact);
  auto out = keep.logs() ? std::to_string(keep.size) + " " + std::to_string(ttl) : std::string("0 0");
  if (!flags.empty()) (out += ' ') += flags;
  return out;
}

struct writer {
  const step& of;
  const known_position& known;
  words& to;

  void operator()(const append_step& s) {
    to.add(s.key.empty() ? "A" : "K");
    to.add(of.channel);
    std::string flags;
    if (s.skip_history) flags += 's';
    if (s.replicated) flags += 'r';
    to.add(keep_text(of.keep, flags));
    to.add(s.body);
    if (s.key.empty()) return;
    to.add(s.key);
    to.add(s.key_life);
  }
  // As an append with a key that would live for no time: such a one only looks.
  void operator()(const find_key_step& s) {
    to.add("K");
    to.add(of.channel);
    to.add(keep_text({}));
    to.add("");
    to.add(s.key);
    to.add("0");
  }
  void operator()(const enroll_step&) {
    to.add("S");
    to.add(of.channel);
    to.add(keep_text(of.keep));
    to.add(known.epoch);
    to.add(known.sequence);
    to.add(known.offset);
    to.add(most_missed);
  }
  void operator()(const vacate_step&) {
    to.add("U");
    to.add(of.channel);
    to.add(keep_text(of.keep));
  }
  void operator()(const recover_step& s) {
    if (!s.done) return nobody_waits();
    to.add("R");
    to.add(of.channel);
    to.add(keep_text(of.keep));
    to.add(s.since.epoch);
    to.add(s.since.offset);
    to.add(std::min<std::uint64_t>(s.max, most_exact));
  }
  void operator()(const history_step& s) {
    if (!s.done) return nobody_waits();
    to.add("H");
    to.add(of.channel);
    to.add(keep_text(of.keep));
    to.add(s.what.since ? std::string_view(s.what.since->epoch) : std::string_view());
    to.add(s.what.since ? static_cast<std::int64_t>(std::min(s.what.since->offset, most_exact)) : -1);
    to.add(s.what.limit ? static_cast<std::int64_t>(std::min<std::uint64_t>(*s.what.limit, most_exact)) : -1);
    to.add(s.what.reverse ? "1" : "0");
  }
  void operator()(const remove_history_step&) {
    to.add("X");
    to.add(of.channel);
  }
  void operator()(const enter_step& s) {
    to.add("E");
    to.add(of.channel);
    to.add(s.client);
    to.add(s.member);
  }
  void operator()(const leave_step& s) {
    to.add("L");
    to.add(of.channel);
    to.add(s.client);
  }
  void operator()(const members_step& s) {
    if (!s.done) return nobody_waits();
    to.add("M");
    to.add(of.channel);
    to.add(s.cursor);
    to.add(s.attempt < members_step::paged_attempts ? members_a_page : most_exact);
  }
  void operator()(const acquire_step& s) {
    to.add("G");
    to.add(of.channel);
    to.add(s.holder);
    to.add(std::max(s.ttl, milliseconds{1}));
  }
  void operator()(const release_step& s) {
    to.add("F");
    to.add(of.channel);
    to.add(s.holder);
  }
  void operator()(const put_notice_step& s) {
    to.add("T");
    to.add(of.channel);
    to.add(s.what.key);
    to.add(std::max<std::int64_t>(s.what.value, 0));
    to.add(std::max<std::int64_t>(s.what.until.count(), 0));
    to.add(s.back ? "1" : "0");
  }
  void operator()(const drop_notice_step& s) {
    to.add("V");
    to.add(of.channel);
    to.add(s.key);
  }
  void operator()(const notices_step&) {
    to.add("Q");
    to.add(of.channel);
  }
  void operator()(const bury_step&) {
    to.add("B");
    to.add(of.channel);
    to.add(dead_channels_a_step);
  }
  void operator()(const clean_step& s) {
    to.add("C");
    to.add(of.channel);
    to.add(s.dead);
    to.add(s.cursor);
  }
  void operator()(const peers_step&) {
    to.add("N");
    to.add(of.channel);
  }
  void operator()(const send_step& s) {
    to.add("D");
    to.add(of.channel);
    to.add(s.to);
    to.add(s.bytes);
    to.add(s.generation);
  }
  void operator()(const bye_step&) {
    to.add("Z");
    to.add(of.channel);
  }
  void operator()(const claim_actor_step& s) {
    to.add("AC");
    to.add(of.channel);
    to.add(s.holder);
    to.add(std::max(s.ttl, milliseconds{1}));
  }
  void operator()(const write_actor_step& s) {
    using mode = actor_write::mode;
    to.add("AW");
    to.add(of.channel);
    to.add(keep_text(of.keep));
    to.add(s.what.holder);
    to.add(s.what.token);
    to.add(s.what.sequence);
    to.add(std::max(s.what.ttl, milliseconds{1}));
    to.add(std::min<std::int64_t>(s.what.life.count(), static_cast<std::int64_t>(most_exact)));
    std::string how(1, s.what.how == mode::nothing ? 'n'
                       : s.what.how == mode::add   ? 'a'
                       : s.what.how == mode::drop  ? 'd'
                                                   : 's');
    if (s.what.replicated) how += 'p';
    if (s.what.release) how += 'r';
    if (s.what.release && s.what.wanted) how += std::to_string(std::max(*s.what.wanted, milliseconds{0}).count());
    to.add(std::move(how));
    to.add(s.what.facts);
    to.add(s.publications.size());
    for (const auto& each : s.publications) {
      std::string flags;
      if (each.skip_history) flags += 's';
      if (each.replicated) flags += 'r';
      to.add(flags.empty() ? std::string() : " " + flags);
      to.add(each.body);
      to.add(each.key);
      to.add(each.key_life);
    }
  }
  void operator()(const abandoned_step& s) {
    to.add("AL");
    to.add(of.channel);
    to.add(s.most);
  }
  void operator()(const sync_step&) { nobody_waits(); }
  void nobody_waits() {
    to.add("Y");
    to.add(of.channel);
  }
};

} // namespace

void write_step(const step& what, const known_position& known, words& to) {
  std::visit(writer{what, known, to}, what.what);
}

} // namespace plexus::backplane::redis
