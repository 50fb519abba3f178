// Replies that are larger than a client's queue, through the whole transport.
#include "tests/transport/one_client.hpp"

#include <caf/send.hpp>

using namespace plexus;
using namespace plexus::transport::testing;

namespace {

config::settings with_log() {
  auto all = open_settings();
  all.client.max_queue_size = 100'000;
  all.default_channel.history_size = 100;
  all.default_channel.history_ttl = std::chrono::hours(1);
  return all;
}

/// Channel "log" has 40 publications of 30 kB.
struct reader : one_client {
  explicit reader(const config::settings& all) : one_client(all) {
    for (int n = 1; n <= 40; ++n) append("log", n);
  }
};

constexpr auto recover = R"({"id":3,"subscribe":{"channel":"log","recover":true}})";
constexpr auto page = R"({"id":4,"history":{"channel":"log","limit":-1}})";

std::size_t count(std::string_view what, std::string_view in) {
  std::size_t n = 0;
  for (auto at = in.find(what); at != std::string_view::npos; at = in.find(what, at + 1)) ++n;
  return n;
}

} // namespace

TEST_CASE("a recovery larger than the queue is no slow reader's: the client gets all of it and stays") {
  reader w(with_log());
  w.command(recover);
  auto got = w.read();
  CHECK(count("\"n\":", got) == 40);
  CHECK(count("\"recovered\":true", got) == 1);
  CHECK(count(closed_as_slow, got) == 0);
  w.command(R"({"id":5,"history":{"channel":"log"}})");
  CHECK(count(R"("offset":40)", w.read()) == 1);
}

TEST_CASE("while a large reply is read, what is pushed has its bound as ever") {
  reader w(with_log());
  w.command(page);
  for (int n = 1; n <= 3; ++n) w.push(n); // it fits
  w.turn();
  CHECK(count("\"n\":", w.read()) == 43);
  w.command(page);
  for (int n = 1; n <= 100; ++n) {
    w.push(n);
    w.turn(1);
  }
  CHECK(w.read().ends_with(closed_as_slow));
}

TEST_CASE("what doesn't fit into client.max_reply_size is not recovered, and a page ends early") {
  auto all = with_log();
  all.client.max_reply_size = 500'000;
  reader w(all);
  w.command(recover);
  auto got = w.read();
  CHECK(count("\"n\":", got) == 0);
  CHECK(count("\"was_recovering\":true", got) == 1);
  CHECK(count("\"recovered\":true", got) == 0);
  w.command(page);
  got = w.read();
  CHECK(count("\"n\":", got) == 16);
  CHECK(count(R"("offset":40)", got) == 1);
}

TEST_CASE("large replies that are not read yet share one bound; read, they give it back") {
  auto all = with_log();
  all.client.max_reply_size = 1'500'000;
  reader w(all);
  for (int i = 0; i < 10; ++i) w.command(page);
  auto got = w.read();
  CHECK(count("\"n\":", got) < 100); // the first is whole; of others what fitted beside it
  CHECK(count("\"code\":111", got) > 5);
  w.command(page);
  CHECK(count("\"n\":", w.read()) == 40);
}
