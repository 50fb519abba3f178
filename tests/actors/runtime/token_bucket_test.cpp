#include "actors/runtime/token_bucket.hpp"

#include <doctest/doctest.h>

using plexus::runtime::token_bucket;
using namespace std::chrono_literals;

namespace {

const token_bucket::time_point start{1h};

int taken(token_bucket& from, const token_bucket::rate& limit, token_bucket::time_point now, int tries) {
  int got = 0;
  for (int i = 0; i < tries; ++i) got += from.take(limit, now) ? 1 : 0;
  return got;
}

} // namespace

TEST_CASE("a burst passes, then the rate holds") {
  token_bucket bucket;
  const token_bucket::rate limit{10, 5};
  CHECK(taken(bucket, limit, start, 20) == 5);
  CHECK(taken(bucket, limit, start + 100ms, 20) == 1);
  CHECK(taken(bucket, limit, start + 350ms, 20) == 2);
  CHECK(taken(bucket, limit, start + 400ms, 20) == 1); // half a token was left over
}

TEST_CASE("what is saved up has a bound") {
  token_bucket bucket;
  const token_bucket::rate limit{1000, 3};
  CHECK(taken(bucket, limit, start, 10) == 3);
  CHECK(taken(bucket, limit, start + 24h, 10) == 3);
}

TEST_CASE("a capacity below one still lets one pass now and then") {
  token_bucket bucket;
  const token_bucket::rate limit{0.5, 0};
  CHECK(taken(bucket, limit, start, 3) == 1);
  CHECK(taken(bucket, limit, start + 1s, 3) == 0);
  CHECK(taken(bucket, limit, start + 2s, 3) == 1);
}

TEST_CASE("without a rate everything passes") {
  token_bucket bucket;
  CHECK(taken(bucket, {0, 0}, start, 1000) == 1000);
  CHECK(bucket.take_on_credit(1e12, {0, 0}, start));
}

TEST_CASE("a rate that a reload sets begins with a full bucket, a lower one cuts what is there") {
  token_bucket bucket;
  CHECK(taken(bucket, {0, 0}, start, 10) == 10);
  CHECK(taken(bucket, {1, 10}, start, 4) == 4);
  CHECK(taken(bucket, {1, 2}, start, 10) == 2);
}

TEST_CASE("a clock that goes back gives nothing and takes nothing") {
  token_bucket bucket;
  const token_bucket::rate limit{1, 2};
  CHECK(taken(bucket, limit, start, 5) == 2);
  CHECK(taken(bucket, limit, start - 1h, 5) == 0);
  CHECK(taken(bucket, limit, start + 1s, 5) == 1);
}

TEST_CASE("on credit the large passes whole, and is paid off before the next") {
  token_bucket bucket;
  const token_bucket::rate limit{1000, 1000};
  CHECK(bucket.take_on_credit(5000, limit, start));
  CHECK_FALSE(bucket.take_on_credit(1, limit, start + 3900ms));
  CHECK(bucket.take_on_credit(1, limit, start + 4100ms));
}
