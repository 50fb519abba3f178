// The machines that decide: no Redis, no clock.

#include "backplane/redis/address.hpp"
#include "backplane/redis/batch_pace.hpp"
#include "backplane/redis/batcher.hpp"
#include "backplane/redis/identity.hpp"
#include "backplane/redis/inbox_tail.hpp"
#include "backplane/redis/lease_clock.hpp"
#include "backplane/redis/nonce.hpp"
#include "backplane/redis/presence_sweep.hpp"
#include "backplane/redis/unsettled.hpp"
#include "backplane/redis/wire.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <optional>

using namespace plexus::backplane;
using namespace plexus::backplane::redis;
using namespace std::chrono_literals;

namespace {

struct word {
  std::string text;
  milliseconds until{0};
  [[nodiscard]] bool over(milliseconds now) const { return until.count() > 0 && now >= until; }
  [[nodiscard]] std::size_t bytes() const { return text.size(); }
};

std::string text(const std::vector<word>* all) {
  if (!all) return "none";
  std::string out;
  for (const auto& each : *all) out += (out.empty() ? "" : " ") + each.text;
  return out;
}

/// Of channel "c1", "body", with a size of its own choice.
std::string publication_entry(char body_size) {
  std::string out("P");
  const auto number = [&](int n, int bytes) {
    (out += static_cast<char>(n)).append(static_cast<std::size_t>(bytes - 1), '\0');
  };
  number(body_size, 4);
  number(2, 2);
  number(3, 2);
  number(7, 8);
  number(3, 8);
  return out + "E.Gc1body";
}

struct queue : batcher<word> {
  using batcher::batcher;
  std::deque<word> own; ///< repairs that are due
  bool add(std::string what, milliseconds until = 0ms) {
    word one{std::move(what), until};
    return push(one);
  }
  std::vector<word>* next() {
    return batcher::next([this]() -> std::optional<word> {
      if (own.empty()) return std::nullopt;
      auto first = std::move(own.front());
      own.pop_front();
      return first;
    });
  }
};

} // namespace

TEST_CASE("batcher: what comes while a batch is on its way makes the next one") {
  queue q(queue::limits{});
  CHECK(q.next() == nullptr);
  q.add("a");
  q.add("b");
  CHECK(text(q.next()) == "a b");
  q.add("c");
  q.add("d");
  CHECK(q.next() == nullptr);
  CHECK(text(&q.outstanding()) == "a b");
  const auto number = q.number();
  CHECK(q.finish().size() == 2);
  CHECK(text(q.next()) == "c d");
  CHECK(q.number() == number + 1);
}

TEST_CASE("batcher: a batch ends at its steps or its bytes, and one step always fits") {
  queue by_steps({100, 1000, 2, 1000}), by_bytes({100, 1000, 10, 4});
  for (const char* each : {"a", "b", "c"}) by_steps.add(each);
  CHECK(text(by_steps.next()) == "a b");
  for (const char* each : {"long one", "b", "c"}) by_bytes.add(each);
  CHECK(text(by_bytes.next()) == "long one");
  by_bytes.finish();
  CHECK(text(by_bytes.next()) == "b c");
}

TEST_CASE("batcher: beyond max_pending a step is refused") {
  queue q({2, 1000, 10, 100});
  CHECK(q.add("a"));
  CHECK(q.add("b"));
  CHECK_FALSE(q.add("c"));
  CHECK_FALSE(q.has_room());
  CHECK(text(q.next()) == "a b");
  CHECK(q.add("c"));
}

TEST_CASE("batcher: repairs go first and leave half of a batch to others") {
  queue q({100, 1000, 4, 100});
  for (const char* each : {"a", "b", "c"}) q.add(each);
  for (const char* each : {"r1", "r2", "r3"}) q.own.push_back({each, 0ms});
  CHECK(text(q.next()) == "r1 r2 a b");
  q.finish();
  CHECK(text(q.next()) == "r3 c");
}

TEST_CASE("batcher: a repair that isn't in this batch isn't taken: it may not be one any more at the next") {
  queue by_steps({100, 1000, 4, 100}), by_bytes({100, 1000, 10, 4});
  for (auto* q : {&by_steps, &by_bytes}) {
    for (const char* each : {"1st", "2nd", "3rd"}) q->own.push_back({each, 0ms});
    CHECK(text(q->next()) == "1st 2nd");
    CHECK(q->own.size() == 1);
    q->finish();
    q->own.clear(); // what it was about has left meanwhile
    q->add("left");
    CHECK(text(q->next()) == "left");
  }
}

TEST_CASE("batcher: what waits is bounded in bytes too, until it is sent or given up") {
  queue q({100, 10, 1, 100});
  CHECK(q.add("12345678"));
  CHECK(q.add("12345", 5ms));
  CHECK_FALSE(q.add("1"));
  CHECK(text(q.next()) == "12345678");
  CHECK(q.has_room());
  q.push_own({"1234567", 0ms}); // beyond the bound
  CHECK_FALSE(q.has_room());
  q.expire(5ms, [](word& each, bool) { each.text.clear(); });
  CHECK(q.has_room());
  auto again = q.finish();
  q.put_back(again);
  CHECK_FALSE(q.has_room());
}

TEST_CASE(
    "batcher: a step given up before it was sent is gone; one that was sent stays, for it may have happened") {
  queue q(queue::limits{});
  q.add("sent", 5ms);
  q.next();
  q.add("waits", 5ms);
  q.add("later", 9ms);
  std::string given_up;
  q.expire(5ms, [&](word& each, bool sent) {
    given_up += each.text + (sent ? "! " : " ");
    each.until = 0ms;
  });
  CHECK(given_up == "sent! waits ");
  CHECK(text(&q.outstanding()) == "sent");
  q.finish();
  CHECK(text(q.next()) == "later");
}

TEST_CASE("batch pace: who comes alone never waits, those who come in numbers ride together") {
  batch_pace pace;
  const batch_pace::clock::time_point start{std::chrono::seconds{5}};
  const std::chrono::microseconds none{0}, soon{100};
  CHECK(pace.wait(start, 1) == none);
  pace.sent(start, batch_pace::worth_it - 1);
  CHECK(pace.wait(start + soon, 1) == none);
  pace.sent(start, batch_pace::worth_it);
  CHECK(pace.wait(start + soon, 1) == batch_pace::distance - soon);
  CHECK(pace.wait(start + soon, batch_pace::enough) == none);
  CHECK(pace.wait(start + batch_pace::distance, 1) == none);
}

TEST_CASE("unsettled: one fact for each channel and member, none for what Redis never heard of") {
  unsettled facts;
  facts.vacated("a", {});
  facts.vacated("a", {5, 1s});
  facts.entered("a", "came and went", false);
  facts.left("a", "came and went");
  facts.entered("a", "changed and went", true);
  facts.left("a", "changed and went");
  facts.entered("a", "came", false);
  facts.left("a", "went");
  CHECK(facts.size() == 4);
  const auto channel = facts.take_channel();
  REQUIRE(channel);
  CHECK(channel->first == "a");
  CHECK(channel->second == retention{5, 1s});
  CHECK_FALSE(facts.take_channel());
  CHECK(facts.take_member() == unsettled::member{"a", "came"});
  CHECK(facts.take_member() == unsettled::member{"a", "changed and went"});
  CHECK(facts.take_member() == unsettled::member{"a", "went"});
  CHECK_FALSE(facts.take_member());
}

TEST_CASE("inbox tail: entries are asked for by what the last ones took") {
  inbox_tail tail;
  CHECK(tail.most() == 16);
  tail.took(16, 16 * 100);
  CHECK(tail.most() == 32);
  for (int i = 0; i < 5; ++i) tail.took(10, 1000);
  CHECK(tail.most() == 256);
  tail.took(256, 256 << 20);
  CHECK(tail.most() == 1);
  tail.took(1, 256 << 10);
  CHECK(tail.most() == 2); // four of that size would do, but the next ones may be larger
  tail.took(0, 0);
  CHECK(tail.most() == 2);
}

TEST_CASE("inbox tail: a trimmed inbox shows as a gap") {
  inbox_tail tail;
  tail.begin();
  CHECK(tail.take(1) == inbox_tail::seen::next);
  CHECK(tail.take(1) == inbox_tail::seen::known);
  CHECK(tail.take(2) == inbox_tail::seen::next);
  CHECK(tail.take(4) == inbox_tail::seen::gap);
  CHECK(tail.reached(2));
  CHECK_FALSE(tail.reached(3));
  CHECK(inbox_number("1-12") == 12);
  CHECK_FALSE(inbox_number("1700000000000-0"));
  CHECK_FALSE(inbox_number("1-"));
}

TEST_CASE("identity: each connection has a higher number; a new generation or inbox is noticed") {
  identity self;
  CHECK(self.next_connection() == 1);
  CHECK(self.accept("G1", "I1") == identity::greeting::anew);
  CHECK(self.next_connection() == 2);
  CHECK(self.accept("G1", "I1") == identity::greeting::same);
  CHECK(self.accept("G1", "I2") == identity::greeting::anew);
  CHECK(self.accept("G2", "I3") == identity::greeting::raised);
  self.abandon_inbox();
  CHECK(self.inbox().empty());
  CHECK(self.accept("G2", "I3") == identity::greeting::anew);
}

TEST_CASE("lease: renewed every second or quarter; no gap that can't end a lease is an outage") {
  lease_clock lease(10s);
  lease.greeted(99s, 4999s);
  CHECK(lease.due(99s));
  lease.renewed(100s, 5000s);
  CHECK_FALSE(lease.due(100s + 999ms));
  CHECK(lease.due(101s));
  lease.asked(101s);
  CHECK_FALSE(lease.due(101s + 500ms));
  lease.renewed(101s + 10ms, 5001s);
  CHECK(lease.age(102s) == 990ms);
  CHECK(lease.redis_time(102s + 10ms) == 5002s);
  CHECK(lease.longest_gap() == 5s);
  CHECK(lease_clock(1s).due(250ms));
}

TEST_CASE("presence sweep: each dead inbox and each of its channels is worked on once at a time") {
  presence_sweep sweep;
  CHECK(sweep.found({"A", "B"}) == std::vector<std::string>{"A", "B"});
  CHECK(sweep.found({"A", "B"}).empty());
  CHECK(sweep.channels("A", {"x", "y"}) == std::vector<std::string>{"x", "y"});
  CHECK(sweep.found({"A"}) == std::vector<std::string>{"A"});
  CHECK(sweep.channels("A", {"x", "y"}).empty());
  CHECK_FALSE(sweep.cleaned("A", "x"));
  CHECK(sweep.channels("A", {"x", "y"}) == std::vector<std::string>{"x"});
  sweep.forget();
  CHECK(sweep.found({"A", "B"}).size() == 2);
}

TEST_CASE(
    "presence sweep: after the last channel that is known the dead inbox is asked for more, by nobody twice") {
  presence_sweep sweep;
  sweep.channels("A", {"x", "y"});
  sweep.channels("B", {"x"});
  CHECK_FALSE(sweep.cleaned("A", "y"));
  CHECK(sweep.cleaned("A", "x"));
  CHECK(sweep.found({"A"}).size() == 1);
  CHECK(sweep.found({"A"}).empty());
  CHECK(sweep.cleaned("B", "x"));
}

TEST_CASE("nonces don't repeat and have no mark that keys or epochs use") {
  const auto one = make_nonce(nonce_length), other = make_nonce(nonce_length);
  CHECK(one != other);
  CHECK(one.size() == nonce_length);
  for (const char c : one) CHECK(std::isalnum(static_cast<unsigned char>(c)));
}

TEST_CASE("wire: publications, members and entries come back as they were; other bytes are refused") {
  draft what;
  what.data = std::string("{\"a\":\"\n\0 \"}", 11);
  what.tags = {{"k", "v"}, {"", std::string(300, 'x')}};
  what.info = std::make_shared<client_info>(client_info{"ann", "c1", "{}", ""});
  const auto text = "1700000000123" + encode_body(what);
  const auto back = decode_publication(text);
  REQUIRE(back);
  CHECK(back->data == what.data);
  CHECK(back->tags == what.tags);
  CHECK(*back->info == *what.info);
  CHECK(back->time == 1700000000123ms);
  for (std::size_t size = 0; size < text.size(); ++size) CHECK(decode_publication(text.substr(0, size)) == nullptr);
  CHECK(decode_publication(text + "x") == nullptr);

  const client_info who{"", "c2", "{\"n\":1}", "[]"};
  CHECK(decode_member(encode_member(who)) == who);
  CHECK_FALSE(decode_member("xyz"));

  const std::string entry = publication_entry(4) + std::string("ME.G 8 2 3 5 u\nc:2member").substr(0, 23);
  std::string seen;
  const auto note = [&](const handed_on& each) {
    seen += std::string(each.what == handed_on::kind::presence ? "M " : "P ") + std::string(each.epoch) + " " +
            std::to_string(each.sequence) + " " + std::to_string(each.number) + " " + std::string(each.channel) +
            " " + std::string(each.content) + "; ";
  };
  CHECK(decode_entry(entry, note));
  CHECK(seen == "P E.G 7 3 c1 body; M E.G 8 2 c:2 membe; ");
  CHECK_FALSE(decode_entry(publication_entry(100), note));
  CHECK_FALSE(decode_entry("rubbish", note));
}

TEST_CASE("addresses: as the documentation writes them, with a sentence for what is wrong") {
  const auto good = [](std::string_view url) {
    auto parsed = parse_address(url);
    if (const auto* wrong = std::get_if<std::string>(&parsed)) FAIL(*wrong);
    return std::get<address>(parsed);
  };
  CHECK(good("redis://h").hosts == std::vector<endpoint>{{"h", 6379}});
  const auto full = good("rediss://ann:p%40ss@redis.example.com:6380/3");
  CHECK(full.tls);
  CHECK(full.login == credentials{"ann", "p@ss"});
  CHECK(full.hosts == std::vector<endpoint>{{"redis.example.com", 6380}});
  CHECK(full.db == 3);
  CHECK(good("redis://:secret@[::1]:7000").login == credentials{"", "secret"});
  CHECK(good("redis://:secret@[::1]:7000").hosts == std::vector<endpoint>{{"::1", 7000}});
  const auto watched = good("redis+sentinel://u:p@a:1,b:2/main/1?sentinel_password=x%2Fy");
  CHECK(watched.hosts == std::vector<endpoint>{{"a", 1}, {"b", 2}});
  CHECK(watched.service == "main");
  CHECK(watched.db == 1);
  CHECK(watched.sentinel_login.password == "x/y");
  const auto spread = good("rediss+cluster://u:p@a:1,b");
  CHECK((spread.cluster && spread.tls && spread.login.password == "p"));
  CHECK(spread.hosts == std::vector<endpoint>{{"a", 1}, {"b", 6379}});
  CHECK(usual_partitions(spread) == 48);
  CHECK(usual_partitions(watched) == 1);
  for (const char* bad : {"redis+cluster://", "redis+cluster://a:1/2", "redis:h", "http://h", "redis://",
                          "redis://h:0", "redis://h:99999", "redis://h/x", "redis://a,b", "redis+sentinel://a:1",
                          "redis://u:%zz@h", "redis://h?x=1"}) {
    const auto parsed = parse_address(bad);
    REQUIRE_MESSAGE(std::holds_alternative<std::string>(parsed), bad);
  }
  CHECK(std::get<std::string>(parse_address("redis://u:secret@h:x")).find("secret") == std::string::npos);
}
